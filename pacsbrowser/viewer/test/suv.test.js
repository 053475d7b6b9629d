import assert from 'node:assert/strict'
import test from 'node:test'
import { probeLines, regionLines, suvFactor, unitOf, valueText } from '../src/values.js'

const element = value => ({ vr: 'LO', Value: [value].flat() })
const isotope = (more = {}) => ({
  '00181074': element(370_000_000), '00181075': element(6586.2), '00181072': element('090000'), ...more,
})
const pet = (more = {}, dose = isotope()) => ({
  '00080060': element('PT'), '00541001': element('BQML'), '00541102': element('START'), '00280051': element(['DECY', 'ATTN']),
  '00101030': element('70'), '00080021': element('20260301'), '00080031': element('100000'),
  '00080022': element('20260301'), '00080032': element('100130.5'), '00540016': element(dose), ...more,
})
const close = (found, wanted) => assert.ok(Math.abs(found / wanted - 1) < 1e-9, `${found} is not ${wanted}`)

test('values corrected to the start of the scan are divided by the dose that was left then', () => {
  close(suvFactor(pet()), 70_000 / (370e6 * 2 ** (-3600 / 6586.2)))
  close(suvFactor(pet({}, isotope({ '00181078': element('20260301083000.00+0100') }))), 70_000 / (370e6 * 2 ** (-5400 / 6586.2)))
})

test('values corrected to the injection are divided by the whole dose', () => {
  close(suvFactor(pet({ '00541102': element('ADMIN') })), 70_000 / 370e6)
})

test('a time without a date that is later than the scan was the evening before', () => {
  const late = pet({ '00080031': element('003000'), '00080032': element('003100') }, isotope({ '00181072': element('233000') }))
  close(suvFactor(late), 70_000 / (370e6 * 2 ** (-3600 / 6586.2)))
})

test('a time without a date that is later than the scan and not of the evening before tells nothing', () => {
  const injectedAt = (time, halfLife = 6586.2) => pet({}, isotope({ '00181072': element(time), '00181075': element(halfLife) }))
  assert.equal(suvFactor(injectedAt('100005')), null)
  assert.equal(suvFactor(injectedAt('220000')), null) // twelve hours before
  assert.equal(suvFactor(injectedAt('235000', 1223.4)), null) // ten hours of carbon 11
  close(suvFactor(injectedAt('235000')), 70_000 / (370e6 * 2 ** (-36_600 / 6586.2)))
})

test('without what it takes there is no SUV', () => {
  const lacking = [
    { '00101030': element(0) }, { '00541001': element('CNTS') }, { '00280051': element(['ATTN']) }, { '00541102': element('NONE') },
    { '00080060': element('CT') }, { '00540016': { vr: 'SQ' } }, { '00080031': element('110000') }, { '00080021': element('') },
  ]
  for (const more of lacking) assert.equal(suvFactor(pet(more)), null)
  assert.equal(suvFactor(pet({}, isotope({ '00181075': element(0) }))), null)
  assert.equal(suvFactor(pet({}, isotope({ '00181078': element('20260301110000') }))), null)
  assert.equal(suvFactor(undefined), null)
})

test('values in g/ml are SUVbw already', () => {
  assert.equal(suvFactor(pet({ '00541001': element('GML') })), 1)
  assert.equal(suvFactor(pet({ '00541001': element('GML'), '00541006': element('LBM') })), null)
})

test('the unit is that of the data', () => {
  const ct = more => ({ '00080060': element('CT'), '00281053': element(1), ...more })
  assert.equal(unitOf(ct()), 'HU')
  assert.equal(unitOf(ct({ '00281054': element('HU') })), 'HU')
  assert.equal(unitOf(ct({ '00281054': element('US') })), '')
  assert.equal(unitOf({ '00080060': element('CT') }), '')
  assert.equal(unitOf({ '00080060': element('MR') }), '')
  assert.equal(unitOf({ '00080060': element('MR'), '00281054': element('10^-6 mm2/s') }), '10^-6 mm2/s')
  assert.equal(unitOf(pet()), 'Bq/ml')
})

test('a probe and a region say values with their unit', () => {
  const ct = { '00080060': element('CT'), '00281053': element(1) }
  assert.deepEqual(probeLines({ index: [3, 4, 0], value: -1000 }, ct), ['(3, 4)', '−1000 HU'])
  assert.deepEqual(probeLines({ index: [3, 4, 0], value: [1, 2, 3, 255] }, ct), ['(3, 4)', 'RGB 1 2 3'])
  assert.equal(probeLines({ index: [3, 4, 0] }, ct), undefined)
  assert.deepEqual(regionLines({ area: 12.5, areaUnit: 'mm²', mean: 300, min: 300, max: 300, stdDev: 0 }, ct),
    ['Area: 12.5 mm²', 'Mean: 300 HU', 'Min: 300 HU', 'Max: 300 HU', 'Std dev: 0 HU'])
  assert.match(valueText(20_000, pet({ '00541102': element('ADMIN') })), /^20000 Bq\/ml, SUVbw 3\.78$/)
})
