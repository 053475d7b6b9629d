import('./early-BjqHbXtf.js');
import('./cornerstone-Dk7Vkmst.js');
import('./app-B16mVu1A.js');
