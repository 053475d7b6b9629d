import './early-BjqHbXtf.js';
import('./cornerstone-189bdE_n.js');
import('./app-D3it-NNk.js');
