import('./early-BjqHbXtf.js');
import('./cornerstone-Dk7Vkmst.js');
import('./app-BmKX1bG3.js');
