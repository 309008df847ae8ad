import { BUS_ACCESS_FAULT, BUS_OK, type BusOutcome } from '../../base/bus-outcome';
import { LabError } from '../../base/errors';
import type { Trace } from '../../base/trace';
import type { U64 } from '../../base/u64';
import type { AccessWidth, MmioTarget } from '../bus/mmio';
import type { BlockLayout } from './block-layout';
import { layoutOf } from './define-block';
import { Register, type RegisterHooks } from './register';
import type { BlockSpec, FieldName, RegisterName } from './spec';

/**
 * A register block on the bus, made from its declaration.
 *
 * Accesses of 1 to 8 bytes are decoded into the registers that they cover; a 4-byte access to half of an 8-byte register
 * touches that half only. An offset where the declaration has no register reads as zero and ignores writes, and the write
 * is traced: blocks on real chips have holes, and drivers poke them.
 */
export class RegisterBlock<S extends BlockSpec = BlockSpec> implements MmioTarget {
  readonly name: string;
  readonly size: number;
  readonly spec: S;
  /** All registers by offset. */
  readonly registers: readonly Register[];
  private readonly layout: BlockLayout;
  private trace: Trace | undefined;
  private readonly sink = (register: string, bits: number): void => {
    if (this.trace?.active === true) this.trace.emit({ type: 'unimplemented', block: this.name, register, bits });
  };

  /** @param name the name of this instance; default: the declaration's. */
  constructor(spec: S, name: string = spec.name) {
    this.spec = spec;
    this.name = name;
    this.size = spec.size;
    this.layout = layoutOf(spec);
    this.registers = this.layout.places.map((place) => new Register(place));
  }

  /** The register that covers an offset. */
  private at(offset: number): Register | undefined {
    const position = this.layout.positionAt(offset);
    return position < 0 ? undefined : this.registers[position];
  }

  /** Where writes to what is not implemented are told. */
  connectTrace(trace: Trace): void {
    this.trace = trace;
  }

  /** A register by name, and by number where there are several. An unknown one is a `LabError`. */
  register<N extends RegisterName<S>>(name: N, index = 0): Register<FieldName<S, N>> {
    const register = this.registers[this.layout.positionsOf(name)[index] ?? this.registers.length];
    if (register === undefined) throw new LabError(`block ${this.name} has no register ${name}[${index}]`);
    return register;
  }

  /** Sets the hooks of a register, or of all registers of that name. */
  hook(name: RegisterName<S>, hooks: RegisterHooks): void {
    for (const position of this.layout.positionsOf(name)) this.registers[position]!.hooks = hooks;
  }

  /** All registers back to their reset values. */
  reset(): void {
    for (const register of this.registers) register.reset();
  }

  read(offset: number, width: AccessWidth, into: U64): BusOutcome {
    return this.load(offset, width, into, true);
  }

  peek(offset: number, width: AccessWidth, into: U64): BusOutcome {
    return this.load(offset, width, into, false);
  }

  private load(offset: number, width: AccessWidth, into: U64, sideEffects: boolean): BusOutcome {
    into.lo = 0;
    into.hi = 0;
    if (offset < 0 || offset + width > this.size) return BUS_ACCESS_FAULT;
    const register = this.at(offset);
    if (width === 8 && register !== undefined && register === this.at(offset + 4)) {
      if (sideEffects) register.hooks.beforeRead?.(register);
      into.lo = register.visibleLo;
      into.hi = register.visibleHi;
      if (sideEffects) register.hooks.afterRead?.(register);
    } else {
      into.lo = this.loadWord(offset, width === 8 ? 4 : width, sideEffects);
      if (width === 8) into.hi = this.loadWord(offset + 4, 4, sideEffects);
    }
    return BUS_OK;
  }

  private loadWord(offset: number, width: number, sideEffects: boolean): number {
    const register = this.at(offset);
    if (register === undefined) return 0;
    if (sideEffects) register.hooks.beforeRead?.(register);
    const word = (offset & ~3) === register.offset ? register.visibleLo : register.visibleHi;
    if (sideEffects) register.hooks.afterRead?.(register);
    const shifted = word >>> ((offset & 3) * 8);
    return width === 4 ? shifted : shifted & ((1 << (width * 8)) - 1);
  }

  write(offset: number, width: AccessWidth, lo: number, hi: number): BusOutcome {
    if (offset < 0 || offset + width > this.size) return BUS_ACCESS_FAULT;
    const register = this.at(offset);
    if (width === 8) {
      if (register !== undefined && register === this.at(offset + 4)) {
        register.writeFromBus(lo, hi, 0xffff_ffff, 0xffff_ffff, this.sink);
      } else {
        this.storeWord(offset, 0xffff_ffff, lo);
        this.storeWord(offset + 4, 0xffff_ffff, hi);
      }
    } else {
      const shift = (offset & 3) * 8;
      const mask = width === 4 ? 0xffff_ffff : ((1 << (width * 8)) - 1) << shift;
      this.storeWord(offset, mask, lo << shift);
    }
    return BUS_OK;
  }

  private storeWord(offset: number, mask: number, value: number): void {
    const register = this.at(offset);
    if (register === undefined) {
      this.sink(`offset 0x${(offset & ~3).toString(16)}`, value >>> 0);
    } else if ((offset & ~3) === register.offset) {
      register.writeFromBus(value >>> 0, 0, mask >>> 0, 0, this.sink);
    } else {
      register.writeFromBus(0, value >>> 0, 0, mask >>> 0, this.sink);
    }
  }
}
