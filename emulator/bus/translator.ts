/** What an access wants to do at an address. */
export const ACCESS_READ = 0;
export const ACCESS_WRITE = 1;
/** An instruction fetch. */
export const ACCESS_EXECUTE = 2;

/** One of the `ACCESS_*` kinds. */
export type AccessKind = typeof ACCESS_READ | typeof ACCESS_WRITE | typeof ACCESS_EXECUTE;

/** What stands between a device and the physical bus: the IOMMU. */
export interface Translator {
  /** Reads of tables in memory that translations have waited for, all told. */
  readonly walkReads: number;
  /**
   * Translates one page's worth of an access. Hot: no allocation, no bigint.
   *
   * @param requesterId who asks (`device_id`)
   * @param page page number of the I/O virtual address, up to 52 bits
   * @param offset offset in the page; only fault records need it
   * @returns the physical page number, or a negative bus outcome (the fault is then reported already)
   */
  translate(requesterId: number, page: number, offset: number, kind: AccessKind): number;

  /** What `translate` would answer now, for who only looks: nothing is cached, recorded or told. */
  wouldTranslate(requesterId: number, page: number, kind: AccessKind): number;
}
