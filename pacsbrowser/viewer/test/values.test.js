import assert from 'node:assert/strict'
import test from 'node:test'
import { rateOf } from '../src/cine.js'
import { dateText, numbers, ofFrame, personName, TAGS, text, timeText } from '../src/dicom-json.js'
import { ownWindows, presetRange, rangeOf, shown, windowOf, windowText } from '../src/windows.js'

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
