import './early-ChjH3FhA.js';
import('./cornerstone-189bdE_n.js');
import('./app-Bixm1MG6.js');
