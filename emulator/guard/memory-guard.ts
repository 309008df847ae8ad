import { PAGE_SIZE } from '../../base/address';
import type { Trace } from '../../base/trace';
import type { PhysicalBus } from '../bus/physical-bus';
import type { Register } from '../registers/register';
import { RegisterBlock } from '../registers/register-block';
import { maskPage } from './page-cipher';
import { GUARD_REGISTERS, GUARD_SHARE, GUARD_UNSHARE } from './memory-guard-registers';

const COUNTER_MAX = 0xffff_ffff;
/** Pages of one command at most: its work is bounded. */
const MAX_PAGES = 2 ** 24;

/**
 * What a device gets that touches a private page: `fault`, an access fault (as where the security monitor owns the page
 * tables), or `garbage`: it reads what the memory's cipher makes of the data, and what it writes decrypts to garbage.
 */
export type PrivateMemory = 'fault' | 'garbage';

/** Knows which pages of RAM a confidential guest shares. At power-on none is. Guards devices only: the CPU is the guest. */
export class MemoryGuard {
  /** Its register window. */
  readonly registers = new RegisterBlock(GUARD_REGISTERS);
  readonly privateMemory: PrivateMemory;
  private readonly bus: PhysicalBus;
  private readonly shared = new Set<number>();

  /** @param bus where the memory is */
  constructor(bus: PhysicalBus, privateMemory: PrivateMemory) {
    this.bus = bus;
    this.privateMemory = privateMemory;
    this.registers.hook('COMMAND', { afterWrite: (command) => this.execute(command.lo) });
    for (const name of ['REFUSED_READS', 'REFUSED_WRITES'] as const) {
      this.registers.hook(name, { afterWrite: (counter) => counter.set(0) });
    }
  }

  /** Where writes to what is not implemented are told. */
  connectTrace(trace: Trace): void {
    this.registers.connectTrace(trace);
  }

  /** Whether a device must not touch a page. What is no RAM, registers for one, is nobody's secret. */
  isPrivate(page: number): boolean {
    return !this.shared.has(page) && this.bus.isRamPage(page);
  }

  /** A device touched a private page. */
  countRefusal(write: boolean): void {
    const counter = this.registers.register(write ? 'REFUSED_WRITES' : 'REFUSED_READS');
    if (counter.lo < COUNTER_MAX) counter.set(counter.lo + 1);
    this.registers.register('STATUS').setField('REFUSED', 1);
  }

  private execute(command: number): void {
    const first = this.firstPage(this.registers.register('FIRST'));
    const count = this.registers.register('COUNT').lo;
    const known = command === GUARD_SHARE || command === GUARD_UNSHARE;
    if (!known || count > MAX_PAGES || !this.isAllRam(first, count)) {
      this.registers.register('STATUS').setField('FAILED', 1);
      return;
    }
    for (let page = first; page < first + count; page++) this.convert(page, command === GUARD_SHARE);
  }

  private firstPage(register: Register): number {
    return register.hi * 2 ** 32 + register.lo;
  }

  private isAllRam(first: number, count: number): boolean {
    for (let page = first; page < first + count; page++) if (!this.bus.isRamPage(page)) return false;
    return true;
  }

  /** A page that is already what it shall be stays as it is. */
  private convert(page: number, share: boolean): void {
    if (this.shared.has(page) === share) return;
    if (share) this.shared.add(page);
    else this.shared.delete(page);
    if (this.privateMemory === 'fault') this.bus.fill(page * PAGE_SIZE, 0, PAGE_SIZE);
    else this.encipher(page);
  }

  private encipher(page: number): void {
    const bytes = new Uint8Array(PAGE_SIZE);
    this.bus.peek(page * PAGE_SIZE, bytes, 0, PAGE_SIZE);
    maskPage(page, 0, bytes, 0, PAGE_SIZE);
    this.bus.write(page * PAGE_SIZE, bytes, 0, PAGE_SIZE);
  }

  /** As at power-on: everything is private, nothing counted. Contents stay. */
  reset(): void {
    this.registers.reset();
    this.shared.clear();
  }
}
