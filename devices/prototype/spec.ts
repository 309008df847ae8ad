import { defineBlock } from '../../emulator/registers/define-block';

/**
 * The register map of the prototype engine, a device of this project's own. It is the same whatever descriptor format the
 * engine was built for; registers that a format has no use for stay zero and are not looked at.
 */

/** `ID`: "PROT" in ASCII, least significant byte first. */
export const PROTOTYPE_ID = 0x544f_5250;
/** `VERSION`. */
export const PROTOTYPE_VERSION = 1;

/** The most queues of an engine. */
export const MAX_QUEUES = 32;
/** The largest ring, table or completion queue, in entries. */
export const MAX_ENTRIES = 1 << 20;

/** Where the registers of queue 0 begin, and from one queue to the next. */
export const QUEUE_BASE = 0x100;
export const QUEUE_STRIDE = 0x100;
const BLOCK_BYTES = 0x4000;

/** Bits of `CONTROL`. */
export const CONTROL = { RESET: 0x1, MASTER: 0x2, INT_EN: 0x4 } as const;

/** Bits of `Q_CONTROL`. */
export const Q_CONTROL = { ENABLE: 0x1, PAUSE: 0x2, ABORT: 0x4 } as const;

/** Bits of `Q_STATUS`. */
export const Q_STATUS = { ENABLED: 0x1, PAUSED: 0x2, IDLE: 0x4, HALTED: 0x8 } as const;

/** Bits of `Q_INT_STATUS` and `Q_INT_ENABLE`. */
export const Q_INT = { COMPLETE: 0x01, ERROR: 0x02, ABORTED: 0x04, PAUSED: 0x08, IDLE: 0x10 } as const;

/** Values of `ARBITER.POLICY`. */
export const POLICY = { ROUND_ROBIN: 0, WEIGHTED: 1, PRIORITY: 2 } as const;

/**
 * Values of `Q_ERROR.CODE`. Modules on the hot path take those that they need apart once, as others do with other constants: what
 * is imported is looked up each time, a module's own constant is known to the host's compiler.
 */
export const ERROR = {
  NONE: 0,
  /** A register does not make sense: a size of zero or too large, a direction that the format needs. */
  CONFIG: 1,
  /** What was written to the doorbell is no index of the ring, or one list too many. */
  DOORBELL: 2,
  /** An entry, header or head could not be read. */
  FETCH: 3,
  /** A table, page list or segment list could not be read. */
  LIST: 4,
  /** Data could not be read from memory, or not be written to memory. */
  DATA_READ: 5,
  DATA_WRITE: 6,
  /** The completion could not be written. */
  COMPLETION: 7,
  /** An index past its table, or more heads than entries. */
  INDEX: 8,
  /** A chain, frame or list that is longer than the format allows, or leads back into itself. */
  TOO_LONG: 9,
  /** A frame within a frame, or a piece of one that never began. */
  FRAME: 10,
  /** An indirect table of no whole number of entries, or within another one. */
  INDIRECT: 11,
  /** A length over the format's limit, or data past the end of the address space. */
  LENGTH: 12,
  /** An address that is no multiple of what the format asks for, or data across its boundary. */
  ADDRESS: 13,
  /** An opcode or kind without a meaning. */
  OPCODE: 14,
  /** A list led to an entry that is not the device's. */
  OWNER: 15,
} as const;

/** A value of `Q_ERROR.CODE`. */
export type ErrorCode = (typeof ERROR)[keyof typeof ERROR];

const interruptFields = {
  COMPLETE: { bits: 0, doc: 'requests completed, after moderation' },
  ERROR: { bits: 1, doc: 'a request failed, or the queue halted' },
  ABORTED: { bits: 2, doc: 'an abort, or a disabling, is done' },
  PAUSED: { bits: 3, doc: 'a pause took effect' },
  IDLE: { bits: 4, doc: 'there is nothing more to do until the next doorbell' },
} as const;

const w1c = Object.fromEntries(
  Object.entries(interruptFields).map(([name, field]) => [name, { ...field, access: 'w1c' as const }]),
) as { readonly [K in keyof typeof interruptFields]: (typeof interruptFields)[K] & { readonly access: 'w1c' } };

const common = {
  ID: { offset: 0x00, width: 4, access: 'ro', reset: PROTOTYPE_ID },
  VERSION: { offset: 0x04, width: 4, access: 'ro', reset: PROTOTYPE_VERSION },
  CAPABILITY: {
    offset: 0x08,
    width: 4,
    access: 'ro',
    fields: {
      QUEUES: { bits: [7, 0], doc: 'how many there are' },
      ENTRY_BYTES: { bits: [23, 8], doc: 'bytes of an entry' },
      PER_QUEUE_INT: { bits: 24, doc: 'an interrupt wire for each queue' },
    },
  },
  FORMAT: { offset: 0x0c, width: 4, access: 'ro', doc: "FNV-1a (32 bits) of the format's name" },
  CONTROL: {
    offset: 0x10,
    width: 4,
    fields: {
      RESET: { bits: 0, doc: 'a written one resets everything; reads 1 until that is done' },
      MASTER: { bits: 1, doc: 'the engine may access memory; cleared, it stops between two accesses' },
      INT_EN: { bits: 2, doc: 'lets interrupts out' },
    },
  },
  INT_STATUS: { offset: 0x14, width: 4, access: 'ro', doc: 'a bit for each queue with an enabled interrupt' },
  ARBITER: {
    offset: 0x18,
    width: 4,
    fields: { POLICY: { bits: [1, 0], values: { 0: 'round robin', 1: 'weighted', 2: 'priority' } } },
  },
} as const;

/** Where a register of each queue is. */
const placer = (count: number) => (offset: number) =>
  ({ offset: QUEUE_BASE + offset, count, stride: QUEUE_STRIDE }) as const;

/** What describes a queue and starts it. */
const setupRegisters = (at: ReturnType<typeof placer>) =>
  ({
    Q_CONTROL: {
      ...at(0x00),
      width: 4,
      fields: {
        ENABLE: { bits: 0, doc: 'setting it starts the queue afresh; cleared, it stops after the request in flight' },
        PAUSE: { bits: 1, doc: 'holds the queue between two steps' },
        ABORT: { bits: 2, access: 'w1s', doc: 'drops what is in flight and disables; reads 1 until done' },
      },
    },
    Q_STATUS: {
      ...at(0x04),
      width: 4,
      access: 'ro',
      fields: {
        ENABLED: { bits: 0, doc: 'it is running: memory of the queue is in use' },
        PAUSED: { bits: 1 },
        IDLE: { bits: 2, doc: 'it waits for a doorbell' },
        HALTED: { bits: 3, doc: 'an error stopped it' },
      },
    },
    Q_CONFIG: {
      ...at(0x08),
      width: 4,
      fields: {
        TO_MEMORY: { bits: 0, doc: 'which way data goes where neither format nor entries say' },
        PHASE: { bits: 1, reset: 1, doc: 'the phase of the lap that begins at Q_INDEX' },
        DONE_PHASE: { bits: 2, reset: 1, doc: 'the phase of the first lap of completions' },
        COUNTING: { bits: 3, doc: 'a tail counts modulo 65536, not modulo Q_SIZE' },
        EVENTS: { bits: 4, doc: 'software says in memory which completions it wants to hear of' },
        EVENT_INDEX: { bits: 5, doc: 'by the number behind the heads, where the format has one' },
        WEIGHT: { bits: [15, 8], doc: 'steps in a turn of the weighted arbiter, less 1' },
        PRIORITY: { bits: [19, 16], doc: '15 goes first' },
      },
    },
    Q_SIZE: { ...at(0x0c), width: 4, doc: 'entries of the ring or table' },
    Q_BASE: { ...at(0x10), width: 8, doc: 'address of the ring or table, or of the first entry of a list' },
    Q_HEADS: { ...at(0x18), width: 8, doc: 'address of the ring of heads' },
    Q_DONE: { ...at(0x20), width: 8, doc: 'address of the completion queue or of the used ring' },
    Q_DONE_SIZE: { ...at(0x28), width: 4, doc: 'entries of the completion queue; a used ring has Q_SIZE' },
    Q_DONE_HEAD: { ...at(0x2c), width: 4, doc: 'completion that software will read next; software writes it' },
    Q_DOORBELL: {
      ...at(0x30),
      width: 8,
      access: 'wo',
      doc: 'a tail index, an address, or anything, as the format says; the low half rings',
    },
  }) as const;

/** How far a queue is, its interrupts, errors and stream port. */
const stateRegisters = (at: ReturnType<typeof placer>) =>
  ({
    Q_INDEX: { ...at(0x38), width: 4, doc: 'entry or head that the engine completes next; writable while disabled' },
    Q_DONE_TAIL: { ...at(0x3c), width: 4, doc: 'completion that it writes next; writable while disabled' },
    Q_INT_STATUS: { ...at(0x40), width: 4, fields: w1c },
    Q_INT_ENABLE: { ...at(0x44), width: 4, fields: interruptFields },
    Q_COALESCE: {
      ...at(0x48),
      width: 4,
      fields: { COUNT: { bits: [15, 0], doc: 'completions until COMPLETE; 0 and 1: each' } },
    },
    Q_COALESCE_NS: {
      ...at(0x4c),
      width: 4,
      doc: 'after the first untold completion COMPLETE comes; 0: by count only',
    },
    Q_ERROR: {
      ...at(0x50),
      width: 4,
      access: 'ro',
      fields: {
        CODE: { bits: [7, 0], doc: 'what went wrong first since the queue was enabled; 0: nothing' },
        OUTCOME: { bits: [9, 8], doc: '1 no such address, 2 refused, 3 poisoned' },
      },
    },
    Q_ERROR_INDEX: { ...at(0x54), width: 4, access: 'ro', doc: 'entry or head, counted as Q_INDEX is' },
    Q_ERROR_ADDRESS: { ...at(0x58), width: 8, access: 'ro', doc: 'address of the access, or of the entry at fault' },
    Q_CURRENT: { ...at(0x60), width: 8, access: 'ro', doc: 'address of the entry at which it works' },
    Q_REQUESTS: { ...at(0x68), width: 4, access: 'ro', doc: 'requests that ended since the queue was enabled' },
    Q_FAILURES: { ...at(0x6c), width: 4, access: 'ro', doc: 'those of them that failed' },
    Q_STREAM: {
      ...at(0x70),
      width: 4,
      fields: {
        PACKETS: { bits: 0, doc: 'source: 0 pattern, 1 packets that arrived' },
        LOOP: { bits: 1, doc: 'what goes out arrives at the queue PEER' },
        PEER: { bits: [15, 8] },
      },
    },
    Q_STREAM_SEED: { ...at(0x74), width: 4, doc: "seed of the source's pattern" },
    Q_STREAM_LENGTH: {
      ...at(0x78),
      width: 4,
      doc: 'bytes of a packet of the pattern; 0: as many as a request takes',
    },
    Q_DONE_QUEUE: {
      ...at(0x7c),
      width: 4,
      fields: {
        SHARED: { bits: 0, doc: 'completions go to the completion queue of another queue' },
        QUEUE: { bits: [15, 8], doc: 'which one; it has to be enabled before' },
      },
    },
  }) as const;

/** The register block of an engine with `count` queues. */
export const prototypeBlock = (count: number) => {
  const at = placer(count);
  return defineBlock({
    name: 'prototype',
    size: BLOCK_BYTES,
    registers: { ...common, ...setupRegisters(at), ...stateRegisters(at) },
  });
};

/** The declaration that `prototypeBlock` makes. */
export type PrototypeBlockSpec = ReturnType<typeof prototypeBlock>;
