import('./early-BjqHbXtf.js');
import('./cornerstone-Dk7Vkmst.js');
import('./app-D2b_aZX6.js');
