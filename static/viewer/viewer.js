import './early-ChjH3FhA.js';
import('./cornerstone-189bdE_n.js');
import('./app-DTZSF7Aw.js');
