import('./early-BjqHbXtf.js');
import('./cornerstone-D0SldoLd.js');
import('./app-Bbux_dmZ.js');
