// Reading DICOM JSON (PS3.18 F): values by tag, also of one frame of an enhanced multi-frame object.

/**
 * @typedef {{vr: string, Value?: any[], InlineBinary?: string, BulkDataURI?: string, isShape?: boolean}} Element
 * @typedef {Record<string, Element>} Metadata
 */

export const TAGS = {
  imageType: '00080008', sopClass: '00080016', sopInstance: '00080018', studyDate: '00080020', studyTime: '00080030',
  modality: '00080060', institution: '00080080', studyDescription: '00081030', seriesDescription: '0008103E',
  patientName: '00100010', patientID: '00100020', birthDate: '00100030', sex: '00100040',
  thickness: '00180050', kvp: '00180060', cineRate: '00180040', frameTime: '00181063', current: '00181151',
  displayRate: '00082144', patientOrientation: '00200020', seriesNumber: '00200011', instanceNumber: '00200013',
  position: '00200032', orientation: '00200037', frameOfReference: '00200052', laterality: '00200060',
  samples: '00280002', photometric: '00280004', frames: '00280008', rows: '00280010', columns: '00280011',
  allocated: '00280100', stored: '00280101', representation: '00280103', padding: '00280120', paddingLimit: '00280121', intercept: '00281052', slope: '00281053',
  spacing: '00280030', windowCenter: '00281050', windowWidth: '00281051', windowName: '00281055',
  shared: '52009229', perFrame: '52009230', units: '00541001', rescaleType: '00281054',
  profile: '00282000', aspect: '00280034',
}

/** @param {Metadata | undefined} data @param {string} tag @returns {any[]} */
export const values = (data, tag) => data?.[tag]?.Value ?? []

/** @param {Metadata | undefined} data @param {string} tag @returns {string} */
export const text = (data, tag) => {
  const value = values(data, tag)[0]
  return value === undefined || value === null ? '' : String(value)
}

/** Numbers of an element; a decimal string may come as a string. Undefined unless there are at least `least`.
 * @param {Metadata | undefined} data @param {string} tag @param {number} [least] @returns {number[] | undefined} */
export const numbers = (data, tag, least = 1) => {
  const found = values(data, tag).map(Number)
  return found.length >= least && found.every(Number.isFinite) ? found : undefined
}

/** A person's name as FAMILY, Given Middle: the alphabetic group, else the ideographic, else the phonetic one.
 * @param {Metadata | undefined} data @param {string} tag */
export const personName = (data, tag) => {
  const name = values(data, tag)[0] ?? {}
  const group = name.Alphabetic || name.Ideographic || name.Phonetic || ''
  const [family = '', ...given] = group.split('^')
  const first = name.Alphabetic ? family.toUpperCase() : family
  const rest = given.slice(0, 2).filter(Boolean).join(' ')
  return [first, rest].filter(Boolean).join(', ')
}

/** The elements that hold for one frame, from 1: those of the object with its functional groups (PS3.3 C.7.6.16) over.
 * @param {Metadata} data @param {number} frame @returns {Metadata} */
export const ofFrame = (data, frame) => {
  const groups = [values(data, TAGS.shared)[0], values(data, TAGS.perFrame)[frame - 1]]
  const items = groups.flatMap(group => Object.values(group ?? {}).map(macro => macro?.Value?.[0] ?? {}))
  return items.length ? Object.assign({}, data, ...items) : data
}

/** A date as written: 2026-11-22, or what is there if it is none. @param {string} raw */
export const dateText = raw => raw.replace(/^(\d{4})(\d\d)(\d\d)$/, '$1-$2-$3')

/** A time as written: 09:42. @param {string} raw */
export const timeText = raw => raw.replace(/^(\d\d)(\d\d).*$/, '$1:$2')
