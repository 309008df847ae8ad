/** The driver's own header of the stream FIFO; `docs/devices/stream-fifo.md` has the programming model. */
export const FIFO_ID = 0x00;
export const FIFO_ID_VALUE = 0x4649_4653;
export const FIFO_CONTROL = 0x04;
export const FIFO_CONFIG = 0x14;
export const FIFO_TX_BURST = 0x18;
export const FIFO_RX_BURST = 0x1c;
export const FIFO_SEED = 0x28;
export const FIFO_TX_CHECKSUM = 0x34;
export const FIFO_RX_CHECKSUM = 0x38;
export const FIFO_TX_DATA = 0x80;
export const FIFO_RX_DATA = 0x88;

export const CONTROL_SINK_EN = 1 << 0;
export const CONTROL_SOURCE_EN = 1 << 1;
export const CONTROL_LOOPBACK = 1 << 2;
export const CONTROL_DMA_TX_EN = 1 << 3;
export const CONTROL_DMA_RX_EN = 1 << 4;
export const CONTROL_STALL = 1 << 5;
export const CONTROL_RESET = 1 << 8;

/** `CONFIG`: items in a FIFO, and bytes of an item. */
export const CONFIG_DEPTH_MASK = 0xffff;
export const CONFIG_WIDTH_SHIFT = 16;
export const CONFIG_WIDTH_MASK = 0xff;
