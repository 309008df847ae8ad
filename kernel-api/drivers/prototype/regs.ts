/**
 * The driver's own header of the prototype engine, written from `docs/prototype.md` and not shared with the hardware's
 * declaration: a wrong offset on either side shows.
 */
export const PROTO_ID = 0x00;
export const PROTO_ID_VALUE = 0x544f_5250;
export const PROTO_CAPABILITY = 0x08;
export const CAPABILITY_QUEUES_MASK = 0xff;
export const CAPABILITY_PER_QUEUE_INT = 1 << 24;
export const PROTO_FORMAT = 0x0c;
export const PROTO_CONTROL = 0x10;
export const CONTROL_RESET = 1 << 0;
export const CONTROL_MASTER = 1 << 1;
export const CONTROL_INT_EN = 1 << 2;
export const PROTO_INT_STATUS = 0x14;

/** Where a queue's registers begin. */
export const QUEUE_REGS = 0x100;
export const QUEUE_REGS_STRIDE = 0x100;

export const Q_CONTROL = 0x00;
export const Q_CONTROL_ENABLE = 1 << 0;
export const Q_CONTROL_ABORT = 1 << 2;
export const Q_STATUS = 0x04;
export const Q_STATUS_ENABLED = 1 << 0;
export const Q_STATUS_HALTED = 1 << 3;
export const Q_CONFIG = 0x08;
export const Q_CONFIG_TO_MEMORY = 1 << 0;
export const Q_CONFIG_PHASE = 1 << 1;
export const Q_CONFIG_DONE_PHASE = 1 << 2;
export const Q_SIZE = 0x0c;
export const Q_BASE = 0x10;
export const Q_HEADS = 0x18;
export const Q_DONE = 0x20;
export const Q_DONE_SIZE = 0x28;
export const Q_DONE_HEAD = 0x2c;
export const Q_DOORBELL = 0x30;
export const Q_INDEX = 0x38;
export const Q_DONE_TAIL = 0x3c;
export const Q_INT_STATUS = 0x40;
export const Q_INT_ENABLE = 0x44;
export const Q_INT_COMPLETE = 1 << 0;
export const Q_INT_ERROR = 1 << 1;
export const Q_COALESCE = 0x48;
export const Q_COALESCE_NS = 0x4c;
export const Q_ERROR = 0x50;
export const Q_ERROR_CODE_MASK = 0xff;
export const Q_ERROR_ADDRESS = 0x58;
export const Q_STREAM = 0x70;
export const Q_STREAM_PACKETS = 1 << 0;
export const Q_STREAM_LOOP = 1 << 1;
export const Q_STREAM_PEER_SHIFT = 8;
export const Q_STREAM_SEED = 0x74;
export const Q_STREAM_LENGTH = 0x78;

/** What `FORMAT` reads in an engine for a format of this name: FNV-1a, 32 bits. */
export const formatHash = (name: string): number => {
  let hash = 0x811c_9dc5;
  for (const character of name) hash = Math.imul(hash ^ character.charCodeAt(0), 0x0100_0193);
  return hash >>> 0;
};
