// What the value of a pixel means: its unit, and the standardised uptake value of PET.

import { numbers, TAGS, text, values } from './dicom-json.js'

const SUV = {
  correction: '00541102', corrected: '00280051', weight: '00101030', isotopes: '00540016', dose: '00181074',
  halfLife: '00181075', injected: '00181078', injectedTime: '00181072', seriesDate: '00080021', seriesTime: '00080031',
  acquisitionDate: '00080022', acquisitionTime: '00080032', type: '00541006',
}
const LONGEST_WAIT = 12 * 3600
const HALF_LIVES = 6
/** Units of PET (PS3.3 C.8.9.1.1.3) as people write them. @type {Record<string, string>} */
const PET_UNITS = { BQML: 'Bq/ml', CNTS: 'counts', GML: 'g/ml', PROPCNTS: 'prop. counts', CPS: 'counts/s', NONE: '', CM2ML: 'cm²/ml', PCNT: '%' }

/** The unit of values after rescaling: that of the data, and Hounsfield units for CT that names no other.
 * @param {import('./dicom-json.js').Metadata | undefined} data of one frame */
export function unitOf(data) {
  const modality = text(data, TAGS.modality)
  if (modality === 'PT') return PET_UNITS[text(data, TAGS.units)] ?? text(data, TAGS.units)
  const given = text(data, TAGS.rescaleType)
  if (given && given !== 'US') return given
  return modality === 'CT' && !given && data?.[TAGS.slope] ? 'HU' : ''
}

/** What a value is multiplied with to be SUVbw, or null where the header lacks what it takes. Vendor-neutral rule of the
 * Quantitative Imaging Biomarkers Alliance: activity corrected for attenuation and decay, to the start of the scan or to
 * the injection. @param {import('./dicom-json.js').Metadata | undefined} data of one frame @returns {number | null} */
export function suvFactor(data) {
  if (!data || text(data, TAGS.modality) !== 'PT') return null
  const type = text(data, SUV.type)
  if (text(data, TAGS.units) === 'GML') return type === '' || type === 'BW' ? 1 : null
  const corrected = values(data, SUV.corrected)
  if (text(data, TAGS.units) !== 'BQML' || !['ATTN', 'DECY'].every(one => corrected.includes(one))) return null
  const weight = numbers(data, SUV.weight)?.[0] ?? 0
  const isotope = values(data, SUV.isotopes)[0]
  const dose = numbers(isotope, SUV.dose)?.[0] ?? 0
  const left = decayed(data, isotope)
  return weight > 0 && dose > 0 && left !== null ? (weight * 1000) / (dose * left) : null
}

/** The part of the dose that was left at the time to which the values are corrected.
 * @param {import('./dicom-json.js').Metadata} data @param {import('./dicom-json.js').Metadata} isotope */
function decayed(data, isotope) {
  const correction = text(data, SUV.correction)
  if (correction === 'ADMIN') return 1
  const halfLife = numbers(isotope, SUV.halfLife)?.[0] ?? 0
  const scan = scanStart(data)
  if (correction !== 'START' || halfLife <= 0 || scan === null) return null
  const injected = injectedAt(data, isotope, scan)
  return injected === null || injected > scan ? null : 2 ** (-(scan - injected) / halfLife)
}

/** The start of the scan is that of the series, unless that was written later than its pictures were taken.
 * @param {import('./dicom-json.js').Metadata} data */
function scanStart(data) {
  const series = seconds(text(data, SUV.seriesDate), text(data, SUV.seriesTime))
  const acquired = seconds(text(data, SUV.acquisitionDate), text(data, SUV.acquisitionTime))
  return series !== null && (acquired === null || series <= acquired) ? series : null
}

/** @param {import('./dicom-json.js').Metadata} data @param {import('./dicom-json.js').Metadata} isotope @param {number} scan */
function injectedAt(data, isotope, scan) {
  const whole = text(isotope, SUV.injected)
  if (whole) return seconds(whole.slice(0, 8), whole.slice(8).replace(/[+-]\d{4}$/, ''))
  const time = seconds(text(data, SUV.seriesDate), text(isotope, SUV.injectedTime))
  if (time === null || time <= scan) return time
  // a time without a date that is later than the scan was the evening before, or in the course of the scan itself
  const before = time - 86_400
  return isPlausible(scan - before, numbers(isotope, SUV.halfLife)?.[0] ?? 0) ? before : null
}

/** Whether somebody may have waited so long for the scan: the activity is not gone, and it was no night and a day.
 * @param {number} elapsed seconds @param {number} halfLife seconds */
const isPlausible = (elapsed, halfLife) => elapsed < Math.min(LONGEST_WAIT, HALF_LIVES * halfLife)

/** Seconds of a date and a time as DICOM writes them, null where they are none. @param {string} date @param {string} time */
function seconds(date, time) {
  const day = /^(\d{4})(\d\d)(\d\d)$/.exec(date)
  const hour = /^(\d\d)(\d\d)?(\d\d(?:\.\d{1,6})?)?$/.exec(time)
  if (!day || !hour) return null
  const midnight = Date.UTC(Number(day[1]), Number(day[2]) - 1, Number(day[3])) / 1000
  return midnight + Number(hour[1]) * 3600 + Number(hour[2] ?? 0) * 60 + Number(hour[3] ?? 0)
}

/** A value with its unit, and as SUVbw where it can be. @param {number} value @param {import('./dicom-json.js').Metadata | undefined} data */
export function valueText(value, data) {
  const factor = suvFactor(data)
  const plain = `${rounded(value)} ${unitOf(data)}`.trim()
  return factor === null ? plain : `${plain}, SUVbw ${(value * factor).toFixed(2)}`
}

/** @param {number} value */
const rounded = value => String(Number(Math.abs(value) >= 100 ? value.toFixed(1) : value.toPrecision(3))).replace('-', '−')

/** What a probe says. @param {{index?: number[], value?: number | number[]}} found @param {import('./dicom-json.js').Metadata | undefined} data */
export function probeLines({ index, value }, data) {
  if (value === undefined || value === null || !index) return undefined
  const place = `(${index[0]}, ${index[1]})`
  if (Array.isArray(value) || ArrayBuffer.isView(value)) return [place, `RGB ${Array.from(/** @type {number[]} */ (value)).slice(0, 3).join(' ')}`]
  return [place, valueText(value, data)]
}

/** What a length says. @param {{length?: number, unit?: string}} found @param {import('./dicom-json.js').Metadata | undefined} data */
export const lengthLines = ({ length, unit }, data) =>
  Number.isFinite(length) ? [`${rounded(/** @type {number} */ (length))} ${sizeUnit(unit, data)}`] : undefined

/** Where only the shape of pixels is known, sizes are in pixels across.
 * @param {string | undefined} unit @param {import('./dicom-json.js').Metadata | undefined} data */
const sizeUnit = (unit = '', data) => (data?.[TAGS.spacing]?.isShape ? unit.replace('mm', 'px') : unit)

/** What a region says: its area, and what lies in it.
 * @param {{area?: number, areaUnit?: string, mean?: any, min?: any, max?: any, stdDev?: any}} found
 * @param {import('./dicom-json.js').Metadata | undefined} data */
export function regionLines({ area, areaUnit, mean, min, max, stdDev }, data) {
  const named = { Mean: mean, Min: min, Max: max, 'Std dev': stdDev }
  const lines = Object.entries(named).filter(([, value]) => Number.isFinite(value))
    .map(([name, value]) => `${name}: ${valueText(/** @type {number} */ (value), data)}`)
  return [...(Number.isFinite(area) ? [`Area: ${rounded(/** @type {number} */ (area))} ${sizeUnit(areaUnit, data)}`] : []), ...lines]
}
