/**
 * The one host object the core uses that is neither ECMAScript nor Node: a machine's RAM is a `WebAssembly.Memory`.
 * It is declared by hand because the two libraries that declare it, `dom` and newer `@types/node`, would also bring in
 * every browser or Node global, and `base/` to `lab/` must see neither.
 */
declare namespace WebAssembly {
  interface MemoryDescriptor {
    /** In pages of 64 KiB. */
    initial: number;
    maximum?: number;
    shared?: boolean;
  }

  class Memory {
    constructor(descriptor: MemoryDescriptor);
    readonly buffer: ArrayBuffer;
    grow(delta: number): number;
  }
}
