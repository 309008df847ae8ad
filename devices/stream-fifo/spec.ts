import { defineBlock } from '../../emulator/registers/define-block';

/**
 * The register map of the stream FIFO, a peripheral of this project's own: a transmit FIFO in front of a sink and a
 * receive FIFO behind a source, each with a DMA handshake.
 */

/** `ID`: "SFIF" in ASCII. */
export const STREAM_FIFO_ID = 0x4649_4653;

/** Offsets of the data registers. They answer accesses of exactly one item. */
export const TX_DATA = 0x80;
export const RX_DATA = 0x88;

/** Bits of `CONTROL`. */
export const CONTROL = {
  SINK_EN: 0x01,
  SOURCE_EN: 0x02,
  LOOPBACK: 0x04,
  DMA_TX_EN: 0x08,
  DMA_RX_EN: 0x10,
  STALL: 0x20,
  RESET: 0x100,
} as const;

/** Bits of `STATUS`. */
export const STATUS = { TX_EMPTY: 0x1, TX_FULL: 0x2, RX_EMPTY: 0x4, RX_FULL: 0x8 } as const;

/** Bits of `INT_STATUS` and `INT_ENABLE`. The two `READY` bits follow their FIFO, the others stay until cleared. */
export const INTERRUPT = {
  TX_OVERFLOW: 0x01,
  RX_UNDERFLOW: 0x02,
  RX_OVERRUN: 0x04,
  TX_READY: 0x08,
  RX_READY: 0x10,
} as const;

/** The register block. */
export const streamFifoBlock = defineBlock({
  name: 'stream-fifo',
  size: 0x1000,
  registers: {
    ID: { offset: 0x00, width: 4, access: 'ro', reset: STREAM_FIFO_ID },
    CONTROL: {
      offset: 0x04,
      width: 4,
      fields: {
        SINK_EN: { bits: 0, doc: 'the sink takes items' },
        SOURCE_EN: { bits: 1, doc: 'the source produces items' },
        LOOPBACK: { bits: 2, doc: 'transmitted items are received; the source rests' },
        DMA_TX_EN: { bits: 3, doc: 'transmit handshake' },
        DMA_RX_EN: { bits: 4, doc: 'receive handshake' },
        STALL: {
          bits: 5,
          reset: 1,
          doc: 'the source waits while its FIFO is full; otherwise the item is lost and counted',
        },
        RESET: { bits: 8, access: 'wo', doc: 'a written one empties both FIFOs and clears counters and checksums' },
      },
    },
    STATUS: {
      offset: 0x08,
      width: 4,
      access: 'ro',
      fields: { TX_EMPTY: { bits: 0 }, TX_FULL: { bits: 1 }, RX_EMPTY: { bits: 2 }, RX_FULL: { bits: 3 } },
    },
    TX_LEVEL: { offset: 0x0c, width: 4, access: 'ro', doc: 'items in the transmit FIFO' },
    RX_LEVEL: { offset: 0x10, width: 4, access: 'ro', doc: 'items in the receive FIFO' },
    CONFIG: {
      offset: 0x14,
      width: 4,
      access: 'ro',
      fields: {
        DEPTH: { bits: [15, 0], doc: 'items in each FIFO' },
        WIDTH: { bits: [23, 16], doc: 'bytes of an item' },
      },
    },
    TX_BURST: { offset: 0x18, width: 4, fields: { ITEMS: { bits: [15, 0], reset: 4, doc: 'free items for a burst' } } },
    RX_BURST: { offset: 0x1c, width: 4, fields: { ITEMS: { bits: [15, 0], reset: 4, doc: 'held items for a burst' } } },
    INT_STATUS: {
      offset: 0x20,
      width: 4,
      fields: {
        TX_OVERFLOW: { bits: 0, access: 'w1c', doc: 'an item was written to a full FIFO' },
        RX_UNDERFLOW: { bits: 1, access: 'w1c', doc: 'an empty FIFO was read' },
        RX_OVERRUN: { bits: 2, access: 'w1c', doc: 'an item arrived at a full FIFO' },
        TX_READY: { bits: 3, access: 'ro', doc: 'TX_BURST items are free' },
        RX_READY: { bits: 4, access: 'ro', doc: 'RX_BURST items are held' },
      },
    },
    INT_ENABLE: {
      offset: 0x24,
      width: 4,
      fields: {
        TX_OVERFLOW: { bits: 0 },
        RX_UNDERFLOW: { bits: 1 },
        RX_OVERRUN: { bits: 2 },
        TX_READY: { bits: 3 },
        RX_READY: { bits: 4 },
      },
    },
    SEED: { offset: 0x28, width: 4, doc: "seed of the source's pattern" },
    TX_COUNT: { offset: 0x2c, width: 4, access: 'ro', doc: 'items that left the transmit FIFO' },
    RX_COUNT: { offset: 0x30, width: 4, access: 'ro', doc: 'items that the source produced' },
    TX_CHECKSUM: { offset: 0x34, width: 4, access: 'ro', doc: 'FNV-1a over the bytes that left the transmit FIFO' },
    RX_CHECKSUM: { offset: 0x38, width: 4, access: 'ro', doc: 'FNV-1a over the bytes read from the receive FIFO' },
    TX_OVERFLOWS: { offset: 0x3c, width: 4, access: 'ro', doc: 'items written to a full FIFO and lost' },
    RX_UNDERFLOWS: { offset: 0x40, width: 4, access: 'ro', doc: 'reads of an empty FIFO' },
    RX_OVERRUNS: { offset: 0x44, width: 4, access: 'ro', doc: 'items that arrived at a full FIFO and were lost' },
  },
});

/** The declaration's type. */
export type StreamFifoBlockSpec = typeof streamFifoBlock;
