/**
 * One slab: a block of pages cut into objects of one size. The objects' bytes are in RAM, all that is known about them is
 * here, so that a driver which writes past its object spoils its neighbours and not the allocator.
 */
export class Slab {
  /** Its number in the table of slabs. */
  readonly id: number;
  /** Address of the first object. */
  readonly base: number;
  /** First frame of its pages. */
  readonly frame: number;
  /** Which cache it belongs to. */
  readonly cache: number;
  readonly size: number;
  readonly capacity: number;
  /** Objects handed out. */
  inUse = 0;
  /** Its place on the cache's list of slabs that have room, or -1. */
  listed = -1;
  /** 1 for objects that are handed out. */
  private readonly live: Uint8Array;
  /** Objects that were given back, the last one on top. */
  private readonly returned: Uint16Array;
  private returnedCount = 0;
  /** Objects from here on were never handed out. */
  private fresh = 0;

  constructor(id: number, base: number, frame: number, cache: number, size: number, capacity: number) {
    this.id = id;
    this.base = base;
    this.frame = frame;
    this.cache = cache;
    this.size = size;
    this.capacity = capacity;
    this.live = new Uint8Array(capacity);
    this.returned = new Uint16Array(capacity);
  }

  /** Whether there is an object left. */
  get hasRoom(): boolean {
    return this.inUse < this.capacity;
  }

  /** Hands out an object: the one given back last, else the next fresh one. There must be room. @returns its address */
  take(): number {
    const index = this.returnedCount > 0 ? this.returned[--this.returnedCount]! : this.fresh++;
    this.live[index] = 1;
    this.inUse++;
    return this.base + index * this.size;
  }

  /** Takes an object back. @returns false if no object that is handed out starts at the address */
  give(address: number): boolean {
    const offset = address - this.base;
    const index = Math.floor(offset / this.size);
    if (index * this.size !== offset || this.live[index] !== 1) return false;
    this.live[index] = 0;
    this.returned[this.returnedCount++] = index;
    this.inUse--;
    return true;
  }

  /** Whether an address is the start of an object of this slab, handed out or not. */
  isObject(address: number): boolean {
    const offset = address - this.base;
    return offset % this.size === 0 && offset / this.size < this.capacity;
  }

  /** The object that an address falls into, if it is handed out: its address; otherwise -1. */
  liveObjectAt(address: number): number {
    const index = Math.floor((address - this.base) / this.size);
    return this.live[index] === 1 ? this.base + index * this.size : -1;
  }
}
