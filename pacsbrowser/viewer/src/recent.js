// What was made lately, as much of it as fits into a limit.

/** @template T */
export class Recent {
  /** @param {number} limit of the sizes of what is kept */
  constructor(limit) {
    this.limit = limit
    this.sum = 0
    /** @type {Map<string, {value: T, size: number}>} the latest last */
    this.kept = new Map()
  }

  /** What is known under a key, else what is made now. @param {string} key @param {number} size @param {() => T} create @returns {T} */
  get(key, size, create) {
    const known = this.kept.get(key)
    this.drop(key)
    const one = known ?? { value: create(), size }
    this.kept.set(key, one)
    this.sum += one.size
    for (const old of this.kept.keys()) {
      if (this.sum <= this.limit || old === key) break
      this.drop(old)
    }
    return one.value
  }

  /** @param {string} key */
  drop(key) {
    this.sum -= this.kept.get(key)?.size ?? 0
    this.kept.delete(key)
  }
}
