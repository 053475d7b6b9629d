// Stands for a writer of XML that vtk.js would use for meshes, which the viewer never loads.
const none = () => { throw new Error('meshes are not supported') }
export const create = none
export const convert = none
export const fragment = none
export const builder = none
export const createCB = none
export const fragmentCB = none
