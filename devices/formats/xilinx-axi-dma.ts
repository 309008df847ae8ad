import {
  across,
  addressOf,
  bits,
  counts,
  descriptor,
  flag,
  format,
  lengthIn,
  linked,
  marks,
  repeat,
  reserved,
  unused,
  word32,
  type BitFields,
} from '../../base/descriptor';

/**
 * Scatter-gather descriptors of the AXI DMA core: AMD PG021, "Scatter Gather Descriptor", not in multichannel mode.
 * A channel follows them from CURDESC to TAILDESC; in cyclic mode there is no tail.
 */

/** The widest buffer length register: "MM2S_CONTROL". */
const MAX_LENGTH = 2 ** 26 - 1;

/** Eight words, and five of the application where the core has status and control streams; on a boundary of 16 words. */
const words = <const C extends BitFields, const S extends BitFields>(control: C, status: S) => ({
  NXTDESC: word32({}, 'low half of the next descriptor pointer'),
  NXTDESC_MSB: word32({}, 'high half'),
  BUFFER_ADDRESS: word32({}, 'low half of the buffer address'),
  BUFFER_ADDRESS_MSB: word32({}, 'high half'),
  RESERVED: reserved(8),
  CONTROL: word32(control),
  STATUS: word32(status),
  APP: repeat(word32(), 5),
  PAD: unused(12),
});

/** How the channel told the end: the same in both directions. */
const errors = {
  DMAINTERR: flag(28, marks('error'), 'internal error, such as a buffer length of 0'),
  DMASLVERR: flag(29, marks('error'), 'the slave answered with an error'),
  DMADECERR: flag(30, marks('error'), 'nothing has this address'),
  CMPLT: flag(31, marks('done'), 'completed; a channel that fetches one so marked stops'),
} as const;

const pointers = {
  NEXT: across(
    [
      ['NXTDESC', 31, 6],
      ['NXTDESC_MSB', 31, 0],
    ],
    addressOf('next', { align: 64 }),
  ),
  BUFFER: across(
    [
      ['BUFFER_ADDRESS', 31, 0],
      ['BUFFER_ADDRESS_MSB', 31, 0],
    ],
    addressOf('data'),
    'aligned to the stream width where there is no realignment engine',
  ),
};

/** From memory to the stream. */
export const axiDmaMm2sDesc = descriptor(
  'axidma_mm2s_desc',
  words(
    {
      LENGTH: bits(25, 0, lengthIn(1, { max: MAX_LENGTH }), 'as many bits as the core is built with'),
      TXEOF: flag(26, marks('last'), 'the last buffer of a packet'),
      TXSOF: flag(27, marks('first'), 'the first buffer of a packet'),
    },
    { TRANSFERRED: bits(25, 0, counts('written'), 'bytes'), ...errors },
  ),
  { align: 64, size: 64, joined: pointers, doc: 'descriptor of the MM2S channel of the AXI DMA core' },
);

/** From the stream to memory. Where packets begin and end is told in the status. */
export const axiDmaS2mmDesc = descriptor(
  'axidma_s2mm_desc',
  words(
    {
      LENGTH: bits(25, 0, lengthIn(1, { max: MAX_LENGTH }), 'room in the buffer'),
      RXEOF_MICRO: flag(26, undefined, 'micro mode only'),
      RXSOF_MICRO: flag(27, undefined, 'micro mode only'),
    },
    {
      TRANSFERRED: bits(25, 0, counts('written'), 'bytes'),
      RXEOF: flag(26, undefined, 'the last buffer of a packet'),
      RXSOF: flag(27, undefined, 'the first buffer of a packet'),
      ...errors,
    },
  ),
  { align: 64, size: 64, joined: pointers, doc: 'descriptor of the S2MM channel of the AXI DMA core' },
);

const channel = {
  follow: linked('tail', { cyclic: true }),
  ownership: { kind: 'indices' },
  completion: { kind: 'in-place', refusesDone: true },
} as const;

/** The channel that reads memory: packets are runs from TXSOF to TXEOF. */
export const xilinxAxiDmaMm2s = format({
  ...channel,
  name: 'xilinx-axi-dma-mm2s',
  doc: 'AMD PG021, AXI DMA scatter-gather, memory to stream',
  entry: axiDmaMm2sDesc,
  pieces: { kind: 'frame', limit: Number.MAX_SAFE_INTEGER },
  doorbell: { register: 'MM2S_TAILDESC', value: 'tail-address' },
  moves: 'from-memory',
});

/** The channel that writes memory. */
export const xilinxAxiDmaS2mm = format({
  ...channel,
  name: 'xilinx-axi-dma-s2mm',
  doc: 'AMD PG021, AXI DMA scatter-gather, stream to memory',
  entry: axiDmaS2mmDesc,
  doorbell: { register: 'S2MM_TAILDESC', value: 'tail-address' },
  moves: 'to-memory',
});
