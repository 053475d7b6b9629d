// Stands for the worker that interpolates and measures segmentations, which nobody draws here.
export const registerComputeWorker = () => { throw new Error('segmentations are not edited here') }
