// Builds the viewer into static/viewer/, the same bytes each time.

import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vite'

const here = name => fileURLToPath(new URL(name, import.meta.url))
const names = { entryFileNames: '[name]-[hash].js', chunkFileNames: '[name]-[hash].js', assetFileNames: '[name]-[hash][extname]' }

/** Writes viewer.js, which loads the rest: no other file names it, so it may be served under any name. */
const entry = {
  name: 'entry',
  generateBundle(_options, bundle) {
    const [early, app] = ['early', 'app'].map(name => Object.values(bundle).find(file => file.isEntry && file.name === name))
    const names = [early.fileName, ...app.imports.filter(name => name !== early.fileName), app.fileName]
    // each is asked for at once, and none waits for the others before it runs what it can
    const source = names.map(name => `import('./${name}');\n`).join('')
    this.emitFile({ type: 'asset', fileName: 'viewer.js', source })
  },
}

export default defineConfig({
  // files find each other whatever the address of static files is
  base: './',
  publicDir: false,
  plugins: [entry],
  resolve: {
    alias: [
      // vtk.js reads meshes in XML with it, and needs Node for that; there are no meshes here
      { find: 'xmlbuilder2', replacement: here('src/stubs/xmlbuilder2.js') },
      { find: /^(fs|path)$/, replacement: here('src/stubs/empty.js') },
      // 2.6 MB for interpolating segmentations, which nobody draws here
      { find: /^.*\/registerComputeWorker\.js$/, replacement: here('src/stubs/compute-worker.js') },
    ],
  },
  build: {
    outDir: here('../../static/viewer'),
    emptyOutDir: true,
    target: 'es2022',
    // a data: address would be against the Content-Security-Policy
    assetsInlineLimit: 0,
    assetsDir: '.',
    modulePreload: false,
    chunkSizeWarningLimit: 6000,
    license: { fileName: 'THIRD_PARTY_LICENSES.md' },
    rollupOptions: {
      input: { early: here('src/early.js'), app: here('src/app.js') },
      // what others wrote changes seldom, and stays in caches when our part changes
      output: { ...names, codeSplitting: { groups: [{ name: 'cornerstone', test: /node_modules|src.stubs/ }] } },
    },
  },
  worker: { format: 'es', rollupOptions: { output: names } },
})
