import('./early-BjqHbXtf.js');
import('./cornerstone-Dk7Vkmst.js');
import('./app-C3EnzhYq.js');
