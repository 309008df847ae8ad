import type { BusOutcome } from '../../base/bus-outcome';
import type { U64 } from '../../base/u64';
import type { AccessWidth, MmioTarget } from '../../emulator/bus/mmio';
import type { Register } from '../../emulator/registers/register';
import type { RegisterBlock } from '../../emulator/registers/register-block';
import { CHANNEL_BASE, CHANNEL_STRIDE, type DmacBlockSpec } from './spec';

/** What can be wrong with an access to the registers. */
export type SlaveError = 'undefined' | 'write-to-read-only' | 'read-of-write-only';

/** What the slave interface tells the controller. */
export interface SlaveEvents {
  /** A read is about to happen: registers that show the state of a channel must be brought up to date. */
  refresh(channel: number): void;
  /** A wrong access, to a channel's registers or (`channel` undefined) to the common ones. */
  error(channel: number | undefined, error: SlaveError): void;
}

/** Whether a word only answers one kind of access. */
interface WordAccess {
  readonly readOnly: boolean;
  readonly writeOnly: boolean;
}

/**
 * The register block as the bus sees it. It answers like a plain block, and notices accesses that the controller reports
 * as slave interface errors. They are not bus errors: the CPU gets zero, the write is ignored.
 */
export class SlaveInterface implements MmioTarget {
  readonly name: string;
  readonly size: number;
  private readonly block: RegisterBlock<DmacBlockSpec>;
  /** What each 4-byte word of the block can do; undefined where there is no register. */
  private readonly byWord: (WordAccess | undefined)[];
  private events: SlaveEvents | undefined;

  constructor(block: RegisterBlock<DmacBlockSpec>) {
    this.block = block;
    this.name = block.name;
    this.size = block.size;
    this.byWord = new Array<WordAccess | undefined>(block.size >> 2).fill(undefined);
    for (const register of block.registers) {
      const access = { readOnly: isAll(register, 'ro'), writeOnly: isAll(register, 'wo') };
      for (let at = 0; at < register.spec.width; at += 4) this.byWord[(register.offset + at) >> 2] = access;
    }
  }

  /** Says who is to be told. */
  observe(events: SlaveEvents): void {
    this.events = events;
  }

  read(offset: number, width: AccessWidth, into: U64): BusOutcome {
    const access = this.byWord[offset >> 2];
    if (access === undefined) this.events?.error(channelOf(offset), 'undefined');
    else if (access.writeOnly) this.events?.error(channelOf(offset), 'read-of-write-only');
    this.refresh(offset);
    return this.block.read(offset, width, into);
  }

  write(offset: number, width: AccessWidth, lo: number, hi: number): BusOutcome {
    const access = this.byWord[offset >> 2];
    if (access === undefined) this.events?.error(channelOf(offset), 'undefined');
    else if (access.readOnly) this.events?.error(channelOf(offset), 'write-to-read-only');
    return this.block.write(offset, width, lo, hi);
  }

  peek(offset: number, width: AccessWidth, into: U64): BusOutcome {
    this.refresh(offset);
    return this.block.peek(offset, width, into);
  }

  private refresh(offset: number): void {
    const channel = channelOf(offset);
    if (channel !== undefined) this.events?.refresh(channel);
  }
}

const channelOf = (offset: number): number | undefined =>
  offset < CHANNEL_BASE ? undefined : Math.floor((offset - CHANNEL_BASE) / CHANNEL_STRIDE);

/** Whether all fields of a register have one kind of access. */
const isAll = (register: Register, access: 'ro' | 'wo'): boolean =>
  register.fields.every((field) => (field.spec.access ?? register.spec.access ?? 'rw') === access);
