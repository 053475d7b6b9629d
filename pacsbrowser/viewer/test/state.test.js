import assert from 'node:assert/strict'
import test from 'node:test'
import { readState, writeState } from '../src/address.js'
import { anchorOf, linkedIndex } from '../src/linking.js'
import { around, fitting, mostAlike } from '../src/order.js'
import { explain } from '../src/problems.js'
import { Recent } from '../src/recent.js'
import { masksOf, unpack } from '../src/segments.js'

test('the address says what every viewport shows, and back', () => {
  const views = [
    { study: '1', series: '1.1', instance: '1.1.5', frame: 1, window: '40,400' },
    { study: '2', series: '2.1', instance: '2.1.1', frame: 7, window: '' },
  ]
  const search = writeState('?holder=3&other=x', '1', { layout: 2, views, segments: '7.8' })
  assert.equal(search, '?holder=3&layout=2&series=1.1&instance=1.1.5&window=40,400&study2=2&series2=2.1&instance2=2.1.1&frame2=7&segments=7.8')
  assert.deepEqual(readState(search, '1'), { layout: 2, views, segments: '7.8' })
})

test('an address that says nothing, or nonsense, is one viewport', () => {
  assert.deepEqual(readState('?layout=9&frame=-3', '1'), { layout: 1, views: [{ study: '1', series: '', instance: '', frame: 1, window: '' }], segments: '' })
  assert.equal(writeState('', '1', { layout: 1, views: [{ study: '1', series: '', instance: '', frame: 1, window: '' }], segments: '' }), '')
})

test('pictures are fetched from the nearest to the farthest, ahead first', () => {
  assert.deepEqual(around(2, 6, 10), [3, 1, 4, 0, 5])
  assert.deepEqual(around(2, 6, 2, -1), [1, 3])
  assert.deepEqual(around(0, 1, 5), [])
  assert.equal(fitting(1000, 100), 10)
  assert.equal(fitting(10, 100), 4)
})

test('the prior that is most like a series is of its modality and speaks the same words', () => {
  const own = { study: '1', modality: 'CT', description: 'Axial 1.0 lung', date: '2026', count: 400 }
  const found = mostAlike(own, [
    { study: '1', modality: 'CT', description: 'Axial 1.0 lung', date: '2026', count: 400 },
    { study: '2', modality: 'MR', description: 'Axial 1.0 lung', date: '2025', count: 300 },
    { study: '3', modality: 'CT', description: 'Scout', date: '2025', count: 2 },
    { study: '4', modality: 'CT', description: 'axial lung', date: '2024', count: 300 },
  ])
  assert.equal(found?.study, '4')
  assert.equal(mostAlike(own, []), undefined)
})

const stack = (count, step, frameOfReference, start = 0) => Array.from({ length: count }, (_, at) => ({
  position: [0, 0, start + at * step], row: [1, 0, 0], column: [0, 1, 0], normal: [0, 0, 1], frameOfReference,
}))

test('stacks of one frame of reference scroll by place, others by what was seen together', () => {
  const thin = { planes: stack(100, 1, 'a'), index: 40 }
  const thick = { planes: stack(20, 5, 'a'), index: 0 }
  assert.equal(linkedIndex(thin, thick, anchorOf(thin, thick)), 8)
  const prior = { planes: stack(20, 5, 'b', 200), index: 10 }
  const anchor = anchorOf(thin, prior)
  assert.equal(linkedIndex(thin, prior, anchor), 10)
  assert.equal(linkedIndex({ ...thin, index: 50 }, prior, anchor), 12)
  const flat = { planes: [null, null, null, null], index: 1 }
  assert.equal(linkedIndex({ ...thin, index: 41 }, flat, anchorOf(thin, flat)), 2)
  assert.equal(linkedIndex({ ...thin, index: 99 }, flat, anchorOf(thin, flat)), 3)
})

test('a picture that cannot be seen says which step failed and what to do', () => {
  const step = more => explain({ syntax: 'JPEG 2000', pixels: true, kind: 'image', ...more }).step
  assert.equal(step({ pixels: false, kind: 'SR' }), 'No pixel data, by design')
  assert.equal(step({ status: 406, detail: 'The pixel data end before the frame does: it is truncated.' }), 'Truncated pixel data')
  assert.equal(step({ status: 406, detail: 'Frame 1 needs 9 bytes of pixel data, and the file has 8.' }), 'Truncated pixel data')
  assert.equal(step({ status: 406, detail: 'It cannot be decoded here.' }), 'Codec missing')
  assert.equal(step({ status: 406 }), 'Transfer syntax')
  assert.equal(step({ status: 404 }), 'Not found')
  assert.equal(step({ status: 401 }), 'Not logged in')
  assert.equal(step({ message: 'The pixel data is missing' }), 'Truncated pixel data')
  assert.equal(step({ message: 'no decoder for transfer syntax 1.2' }), 'Transfer syntax')
  assert.equal(step({ message: 'broken marker' }), 'Decoding')
  for (const status of [0, 401, 404, 406, 410, 413, 500, 503]) {
    const { what, todo } = explain({ status, detail: 'Why.', syntax: 'RLE', pixels: true, kind: 'image' })
    assert.ok(what && todo)
  }
})

test('frames of a segmentation know their segment, and bits are one value each', () => {
  const data = {
    '00280008': { vr: 'IS', Value: [1] }, '00080018': { vr: 'UI', Value: ['9'] },
    '00200032': { vr: 'DS', Value: [0, 0, 5] }, '00200037': { vr: 'DS', Value: [1, 0, 0, 0, 1, 0] },
    '52009230': { vr: 'SQ', Value: [{ '0062000A': { vr: 'SQ', Value: [{ '0062000B': { vr: 'US', Value: [2] } }] } }] },
  }
  assert.equal(masksOf(data, '/x')[0].segment, 2)
  assert.equal(masksOf(data, '/x')[0].address, '/x/instances/9/frames/1')
  assert.deepEqual([...unpack(Uint8Array.of(0b101), 4, 1)], [1, 0, 1, 0])
  assert.deepEqual([...unpack(Uint8Array.of(3, 4), 2, 8)], [3, 4])
  assert.deepEqual([...unpack(Uint8Array.of(3, 0, 4, 0), 2, 16)], [3, 4])
})

test('what was made lately is kept as far as it fits', () => {
  const recent = new Recent(10)
  let made = 0
  const get = (key, size) => recent.get(key, size, () => ++made)
  assert.deepEqual([get('a', 4), get('b', 4), get('a', 4)], [1, 2, 1])
  assert.deepEqual([get('c', 4), get('a', 4), get('b', 4)], [3, 1, 4])
  assert.equal(get('large', 99), 5)
  assert.equal(get('large', 99), 5)
  recent.drop('large')
  assert.deepEqual([get('large', 1), get('a', 4)], [6, 7])
})
