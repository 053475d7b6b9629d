import assert from 'node:assert/strict'
import test from 'node:test'
import { fill, greysOf } from '../src/greys.js'
import { rateOf } from '../src/cine.js'
import { dateText, numbers, ofFrame, personName, TAGS, text, timeText } from '../src/dicom-json.js'
import { asDrawn, extentOf, headersFor, isDrawnByServer, mend, noteDecoding } from '../src/mend.js'
import { expand, inlinePalettes } from '../src/palette.js'
import { bitsOf, overlaysOf } from '../src/overlays.js'
import { lengthLines } from '../src/values.js'
import { ownWindows, presetRange, rangeOf, shown, usualRange, windowOf, windowText } from '../src/windows.js'

const name = group => ({ [TAGS.patientName]: { vr: 'PN', Value: [group] } })

test('names are shown by the first group that there is', () => {
  assert.equal(personName(name({ Alphabetic: 'Tanaka^Yuki^M^Dr' }), TAGS.patientName), 'TANAKA, Yuki M')
  assert.equal(personName(name({ Ideographic: '王^小东' }), TAGS.patientName), '王, 小东')
  assert.equal(personName({}, TAGS.patientName), '')
  assert.equal(personName({ [TAGS.patientName]: { vr: 'PN', Value: [null] } }, TAGS.patientName), '')
})

test('numbers come as numbers or not at all', () => {
  assert.deepEqual(numbers({ a: { vr: 'DS', Value: ['1.5', 2] } }, 'a', 2), [1.5, 2])
  assert.equal(numbers({ a: { vr: 'DS', Value: ['x'] } }, 'a'), undefined)
  assert.equal(numbers({ a: { vr: 'DS' } }, 'a'), undefined)
  assert.equal(text({ a: { vr: 'LO', Value: [null] } }, 'a'), '')
})

test('a frame has its own functional groups over the shared ones', () => {
  const group = (tag, macro, value) => ({ [macro]: { vr: 'SQ', Value: [{ [tag]: { vr: 'DS', Value: [value] } }] } })
  const data = {
    [TAGS.modality]: { vr: 'CS', Value: ['MR'] },
    [TAGS.shared]: { vr: 'SQ', Value: [group('00180050', '00289110', 2)] },
    [TAGS.perFrame]: { vr: 'SQ', Value: [group('00281050', '00289132', 10), group('00281050', '00289132', 20)] },
  }
  assert.deepEqual(numbers(ofFrame(data, 2), TAGS.windowCenter), [20])
  assert.deepEqual(numbers(ofFrame(data, 1), TAGS.thickness), [2])
  assert.equal(text(ofFrame(data, 1), TAGS.modality), 'MR')
  assert.equal(ofFrame({ a: { vr: 'CS' } }, 3).a.vr, 'CS')
})

test('dates and times are shown as written', () => {
  assert.equal(dateText('20261122'), '2026-11-22')
  assert.equal(dateText('2026'), '2026')
  assert.equal(timeText('094217.5'), '09:42')
})

test('a window and the range that it shows are the same thing', () => {
  assert.deepEqual(rangeOf({ center: 40, width: 400 }), { lower: -160, upper: 239 })
  assert.deepEqual(windowOf(rangeOf({ center: 40, width: 400 })), { center: 40, width: 400 })
  assert.equal(windowText({ center: -600.00001, width: 1500 }), '-600,1500')
  assert.equal(shown(-600), '−600')
})

test('presets are a centre and a width, or a part of the values', () => {
  const extent = { min: 100, max: 300 }
  assert.deepEqual(presetRange('40,400', extent), { lower: -160, upper: 239 })
  assert.deepEqual(presetRange('part:0,0.5', extent), { lower: 100, upper: 200 })
  assert.equal(presetRange('', extent), null)
  assert.equal(presetRange('a,b', extent), null)
  assert.equal(presetRange('40,-1', extent), null)
})

test('an object brings windows with names', () => {
  const data = {
    [TAGS.windowCenter]: { vr: 'DS', Value: [40, -600] }, [TAGS.windowWidth]: { vr: 'DS', Value: [400, 1500] },
    [TAGS.windowName]: { vr: 'LO', Value: ['WINDOW1'] },
  }
  assert.deepEqual(ownWindows(data).map(one => one.name), ['WINDOW1', 'File, window 2'])
  assert.deepEqual(ownWindows({}), [])
})

test('the rate of a film is that of the object, within what a display can do', () => {
  assert.equal(rateOf({ [TAGS.frameTime]: { vr: 'DS', Value: ['40'] } }), 25)
  assert.equal(rateOf({ [TAGS.cineRate]: { vr: 'IS', Value: [200] } }), 60)
  assert.equal(rateOf({}), 10)
})

test('segmented palettes are written out: values, lines and copies', () => {
  assert.deepEqual(expand([0, 2, 10, 20, 1, 4, 40]), [10, 20, 25, 30, 35, 40])
  assert.deepEqual(expand([0, 1, 7, 2, 1, 0, 0]), [7, 7])
  assert.deepEqual(expand([0, 2, 1, 2, 2, 1, 0, 0, 0, 0], 8), [1, 2, 1, 2])
  assert.deepEqual(expand([9, 9, 9]), [])
  assert.ok(expand([0, 1, 1, 1, 65535, 5, 1, 65535, 9]).length <= 65536)
})

test('palettes are numbers where they came as bytes', async () => {
  const data = {
    '00281101': { vr: 'US', Value: [0, 0, 16] },
    '00281201': { vr: 'OW', InlineBinary: btoa(String.fromCharCode(1, 0, 0, 1)) },
    '00281102': { vr: 'US', Value: [2, 0, 16] },
    '00281222': { vr: 'OW', InlineBinary: btoa(String.fromCharCode(0, 0, 1, 0, 5, 0)) },
    '00281103': { vr: 'US', Value: [3, 0, 8] },
    '00281203': { vr: 'OW', InlineBinary: btoa(String.fromCharCode(7, 8, 9, 0)) },
  }
  await inlinePalettes(data)
  assert.deepEqual(data['00281201'].Value, [1, 256])
  assert.equal(data['00281101'].Value[0], 65536)
  assert.deepEqual(data['00281202'].Value, [5])
  assert.deepEqual(data['00281203'].Value, [7, 8, 9])
})

test('what is missing or cannot be is put right before it is shown', async () => {
  const data = { [TAGS.spacing]: { vr: 'DS', Value: [0, 0] } }
  await mend(data)
  assert.equal(data[TAGS.spacing], undefined)
  assert.equal(text(data, TAGS.modality), 'OT')
})

test('pixels of unknown size keep their shape, and are not measured in millimetres', async () => {
  const data = { [TAGS.aspect]: { vr: 'IS', Value: [4, 3] } }
  await mend(data)
  assert.deepEqual(numbers(data, TAGS.spacing, 2), [4 / 3, 1])
  assert.deepEqual(lengthLines({ length: 12.34, unit: 'mm' }, data), ['12.3 px'])
  assert.deepEqual(lengthLines({ length: 12.34, unit: 'mm' }, {}), ['12.3 mm'])
  const known = { [TAGS.aspect]: { vr: 'IS', Value: [4, 3] }, [TAGS.spacing]: { vr: 'DS', Value: [2, 2] } }
  await mend(known)
  assert.deepEqual(numbers(known, TAGS.spacing, 2), [2, 2])
})

test('padding is no part of the range of a picture', () => {
  const scale = value => value - 1024
  assert.deepEqual(extentOf([-3024, -1000, 300], { padding: -2000, scale }), { min: -1000, max: 300 })
  assert.deepEqual(extentOf([0, 1, 5, 9], { padding: 0, limit: 2, scale: Number }), { min: 5, max: 9 })
  assert.deepEqual(extentOf([4, 7], { scale }), { min: 4, max: 7 })
  assert.equal(extentOf([], { scale }), null)
})

test('the server decodes what the browser would colour wrongly', () => {
  const data = { [TAGS.photometric]: { vr: 'CS', Value: ['RGB'] }, '00083002': { vr: 'UI', Value: ['1.2.840.10008.1.2.4.50'] } }
  noteDecoding(data, '/i/1')
  assert.match(headersFor('wadors:/i/1/frames/3').Accept, /1\.2\.840\.10008\.1\.2\.1$/)
  assert.deepEqual(headersFor('wadors:/i/2/frames/1'), {})
})

test('the server decodes RLE of more bits than the browser decodes, and draws colours that it does not show', () => {
  const of = (syntax, samples, bits, photometric) => ({
    '00083002': { vr: 'UI', Value: [syntax] }, [TAGS.samples]: { vr: 'US', Value: [samples] },
    [TAGS.allocated]: { vr: 'US', Value: [bits] }, [TAGS.photometric]: { vr: 'CS', Value: [photometric] },
  })
  const [explicit, rle, jpeg] = ['1.2.840.10008.1.2.1', '1.2.840.10008.1.2.5', '1.2.840.10008.1.2.4.50']
  noteDecoding(of(rle, 1, 32, 'MONOCHROME2'), '/i/3')
  assert.match(headersFor('wadors:/i/3/frames/1').Accept, /octet-stream/)
  assert.ok(isDrawnByServer(of(explicit, 3, 16, 'RGB')) && isDrawnByServer(of(rle, 3, 32, 'RGB')))
  assert.ok(isDrawnByServer(of(explicit, 3, 8, 'YBR_FULL_422')))
  assert.ok(!isDrawnByServer(of(jpeg, 3, 8, 'YBR_FULL_422')) && !isDrawnByServer(of(explicit, 3, 8, 'RGB')))
  assert.ok(!isDrawnByServer(of(explicit, 1, 16, 'MONOCHROME2')))
  assert.ok(isDrawnByServer({ ...of(jpeg, 3, 8, 'RGB'), [TAGS.profile]: { vr: 'OB', BulkDataURI: '/x' } }))
  const data = of(explicit, 3, 16, 'YBR_FULL_422')
  asDrawn(data)
  assert.deepEqual([numbers(data, TAGS.allocated), text(data, TAGS.photometric)], [[8], 'RGB'])
  assert.deepEqual(headersFor('wadors:/i/4/frames/1/rendered?quality=100'), { Accept: 'image/jpeg' })
})

test('a picture without a window shows bits as black and white, bytes as they are, else all that occurs', () => {
  const of = (allocated, stored, more = {}) => ({
    [TAGS.allocated]: { vr: 'US', Value: [allocated] }, [TAGS.stored]: { vr: 'US', Value: [stored] }, ...more,
  })
  const extent = () => ({ min: 3, max: 9 })
  assert.deepEqual(usualRange(of(1, 1), extent), { lower: 0, upper: 1 })
  assert.deepEqual(usualRange(of(8, 8), extent), { lower: 0, upper: 255 })
  assert.deepEqual(usualRange(of(8, 8, { [TAGS.slope]: { vr: 'DS', Value: [2] } }), extent), { lower: 3, upper: 9 })
  assert.deepEqual(usualRange(of(16, 12), extent), { lower: 3, upper: 9 })
  assert.deepEqual(usualRange(of(16, 12), () => ({ min: 5, max: 5 })), { lower: 4.5, upper: 5.5 })
})

test('overlay planes have a place, and frames of their own or one for all', () => {
  const plane = (frames, origin) => ({
    '60020010': { vr: 'US', Value: [2] }, '60020011': { vr: 'US', Value: [3] }, '60023000': { vr: 'OW', InlineBinary: 'AA==' },
    ...(frames && { '60020015': { vr: 'IS', Value: [frames] } }), ...(origin && { '60020050': { vr: 'SS', Value: origin } }),
  })
  const [one] = overlaysOf(plane(), 7)
  assert.deepEqual([one.rows, one.columns, one.top, one.left, one.firstBit], [2, 3, 0, 0, 0])
  const [second] = overlaysOf(plane(2, [-3, 5]), 2)
  assert.deepEqual([second.top, second.left, second.firstBit], [-4, 4, 6])
  assert.deepEqual(overlaysOf(plane(2), 3), [])
  assert.deepEqual(overlaysOf({ '60023000': { vr: 'OW' } }, 1), [])
  assert.deepEqual([...bitsOf(Uint8Array.of(0b01000001, 0b00000010), { ...second })], [1, 0, 0, 1, 0, 0])
  assert.equal(bitsOf(Uint8Array.of(1), second), null)
})

test('values are drawn as greys through a window, whatever holds them', () => {
  const greys = (pixels, look) => {
    const drawn = new Uint32Array(pixels.length)
    fill(drawn, pixels, greysOf({ lower: 0, upper: 100, invert: false, isSigmoid: false, ...look }))
    return [...drawn].map(one => one & 255)
  }
  for (const kind of [Int16Array, Float32Array, Int32Array]) assert.deepEqual(greys(kind.of(-500, 0, 20, 100, 900)), [0, 0, 51, 255, 255])
  assert.deepEqual(greys(Uint8Array.of(0, 20, 200), { invert: true }), [255, 204, 0])
  assert.deepEqual(greys(Float32Array.of(NaN, 0.5), { lower: 0, upper: 1 }), [0, 128])
  assert.deepEqual(greys(Int16Array.of(50, 1000), { isSigmoid: true }), [128, 255])
  assert.deepEqual(greys(Int16Array.of(4, 5, 6), { lower: 5, upper: 5 }), [0, 0, 255])
  assert.deepEqual(greys(Int16Array.of()), [])
})
