import assert from 'node:assert/strict'
import test from 'node:test'
import { letters, nearest, opposite, planeOf, whyNoVolume } from '../src/geometry.js'

const slice = (z, more = {}) => planeOf({
  '00200032': { vr: 'DS', Value: [0, 0, z] }, '00200037': { vr: 'DS', Value: [1, 0, 0, 0, 1, 0] },
  '00280030': { vr: 'DS', Value: [0.5, 0.5] }, '00280010': { vr: 'US', Value: [8] }, '00280011': { vr: 'US', Value: [8] },
  '00200052': { vr: 'UI', Value: ['1.2'] }, ...more,
})

test('directions have the letters of the sides they point to', () => {
  assert.equal(letters([1, 0, 0]), 'L')
  assert.equal(letters([-1, 0, 0]), 'R')
  assert.equal(letters([0, -1, 0]), 'A')
  assert.equal(letters([0, 0, 1]), 'H')
  assert.equal(letters([0.8, 0.6, 0]), 'LP')
  assert.equal(letters([0.1, 0, -0.99]), 'F')
  assert.equal(opposite('LP'), 'RA')
  assert.equal(opposite('H'), 'F')
})

test('an object without position or orientation has no plane', () => {
  assert.equal(planeOf({}), null)
  assert.equal(planeOf({ '00200032': { vr: 'DS', Value: ['a', 0, 0] } }), null)
  assert.deepEqual(slice(3).normal, [0, 0, 1])
})

test('the nearest slice is found along the normal, and slices without a place are passed over', () => {
  assert.deepEqual(nearest([slice(0), null, slice(4), slice(8)], 5, [0, 0, 1]), { index: 2, distance: 1 })
  assert.equal(nearest([null], 5, [0, 0, 1]).index, -1)
})

test('a volume is at least three parallel slices of one size, evenly apart', () => {
  assert.equal(whyNoVolume([slice(0), slice(1), slice(2)]), '')
  assert.equal(whyNoVolume([slice(4), slice(0), slice(2)]), '')
  assert.match(whyNoVolume([slice(0), slice(1)]), /at least three/)
  assert.match(whyNoVolume([slice(0), null, slice(2)]), /where they lie/)
  assert.match(whyNoVolume([slice(0), slice(0), slice(2)]), /same place/)
  assert.match(whyNoVolume([slice(0), slice(1), slice(2), slice(9)]), /evenly/)
  const sagittal = { '00200037': { vr: 'DS', Value: [0, 1, 0, 0, 0, -1] } }
  assert.match(whyNoVolume([slice(0), slice(1), slice(2, sagittal)]), /parallel/)
  assert.match(whyNoVolume([slice(0), slice(1), slice(2, { '00280010': { vr: 'US', Value: [9] } })]), /size/)
})
