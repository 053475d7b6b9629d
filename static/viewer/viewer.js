import './cornerstone-189bdE_n.js';
import './app-DKZNQUnS.js';
