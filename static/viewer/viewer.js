import('./early-BjqHbXtf.js');
import('./cornerstone-D9x-tt7u.js');
import('./app-5dKpkYPd.js');
