import type { Machine } from '../../lab/machine';

/** FNV-1a over every page of RAM that was ever written, with its number. */
export const hashOfRam = (machine: Machine): number => {
  const { ram } = machine.hardware;
  const page = new Uint8Array(4096);
  const words = new Uint32Array(page.buffer);
  let hash = 0x811c_9dc5;
  ram.forEachTouchedPage((number) => {
    ram.peek(number * 4096, page, 0, 4096);
    hash = Math.imul(hash ^ number, 0x0100_0193);
    for (let i = 0; i < words.length; i++) hash = Math.imul(hash ^ words[i]!, 0x0100_0193);
  });
  return hash;
};
