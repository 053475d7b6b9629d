// Stands for modules of Node that nothing here runs.
export default {}
