/**
 * The cipher of private memory, as far as anyone can tell from outside: bytes are masked with a stream that depends on
 * the page and on the place in it, so that masking twice gives them back. It keeps no secret.
 *
 * @param offset of the first byte in the page
 */
export const maskPage = (page: number, offset: number, bytes: Uint8Array, at: number, length: number): void => {
  const seed = Math.imul(page + 1, 0x9e37_79b1);
  for (let i = 0; i < length; i++) {
    const place = (offset + i) | 0;
    const mixed = Math.imul(seed ^ Math.imul(place + 1, 0x85eb_ca6b), 0xc2b2_ae35);
    bytes[at + i]! ^= mixed >>> 24;
  }
};
