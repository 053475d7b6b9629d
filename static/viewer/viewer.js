import('./early-BjqHbXtf.js');
import('./cornerstone-D0SldoLd.js');
import('./app-rdggxVeC.js');
