import { LabError } from '../../base/errors';
import { hex } from '../../base/u64';

const WASM_PAGE = 0x1_0000;

/** Zeroed memory behind banks: what one `Ram` has released, another can be built on. */
export interface RamBacking {
  /** Bytes in all banks together. */
  readonly size: number;
  readonly buffer: ArrayBuffer;
  /** A byte for each page, all zero. */
  readonly flags: Uint8Array;
}

/** Zeroed memory, which costs the host nothing before it is used. More than the host can give is a `LabError`. */
export const allocate = (size: number): ArrayBuffer => {
  const pages = Math.ceil(size / WASM_PAGE);
  try {
    return new WebAssembly.Memory({ initial: pages, maximum: pages }).buffer;
  } catch {
    throw new LabError(`the host cannot give a machine ${hex(size)} bytes of memory: make its banks smaller`, {
      what: 'memory',
    });
  }
};
