import { LabError } from '../../base/errors';
import type { Trace } from '../../base/trace';
import { RegisterBlock } from '../registers/register-block';
import type { Register } from '../registers/register';
import type { InterruptLine } from './interrupt-line';
import { enableName, plicWords, type PlicDesign, type PlicLayout } from './plic-registers';

/** A target of the controller: the registers of one context, and the wire it drives. */
interface Context {
  readonly enable: readonly Register[];
  readonly threshold: Register;
  readonly claim: Register;
  output: InterruptLine | undefined;
}

/**
 * A platform-level interrupt controller with level-triggered wires (RISC-V PLIC specification).
 *
 * Each wire has a gateway ("Interrupt Gateways"): it forwards one request, then waits until that is completed; a wire
 * still high then is a new request. A request stays pending when its wire drops before the claim, so a handler may find
 * its device quiet.
 *
 * As "Interrupt Claims" has it, a claim looks at enables and priorities only; the threshold holds back the wire to the
 * CPU, not the claim.
 */
export class Plic {
  /** Its register window. */
  readonly registers: RegisterBlock;
  readonly layout: PlicLayout;
  private readonly priority: readonly Register[];
  private readonly pending: readonly Register[];
  private readonly contexts: readonly Context[];
  /** By source: the wire's level, and whether its gateway waits for a completion. */
  private readonly level: Uint8Array;
  private readonly forwarded: Uint8Array;
  private trace: Trace | undefined;

  constructor(design: PlicDesign) {
    const { sources, contexts, registers } = design;
    this.layout = { sources, contexts };
    this.registers = new RegisterBlock(registers);
    this.level = new Uint8Array(sources + 1);
    this.forwarded = new Uint8Array(sources + 1);
    const words = plicWords(this.layout);
    this.priority = this.all('PRIORITY', sources + 1);
    this.pending = this.all('PENDING', words);
    this.contexts = Array.from({ length: contexts }, (_, context) => ({
      enable: this.all(enableName(context), words),
      threshold: this.registers.register('THRESHOLD', context),
      claim: this.registers.register('CLAIM', context),
      output: undefined,
    }));
    this.hookRegisters();
  }

  private all(name: string, count: number): Register[] {
    return Array.from({ length: count }, (_, index) => this.registers.register(name, index));
  }

  private hookRegisters(): void {
    const update = { afterWrite: () => this.update() };
    this.registers.hook('PRIORITY', { ...update, acceptWrite: (register) => register.index !== 0 });
    this.registers.hook('THRESHOLD', update);
    this.contexts.forEach((_, index) => {
      this.registers.hook(enableName(index), {
        afterWrite: (register) => {
          register.set(register.lo & this.sourceBits(register.index));
          this.update();
        },
      });
    });
    this.registers.hook('CLAIM', {
      afterRead: (register) => this.claim(register.lo),
      acceptWrite: (register, source) => {
        this.complete(this.contexts[register.index]!, source);
        return false;
      },
    });
  }

  /** The bits of a bitmap word that stand for sources. */
  private sourceBits(word: number): number {
    const last = this.layout.sources - 32 * word;
    const bits = last >= 31 ? 0xffff_ffff : 2 ** (last + 1) - 1;
    return word === 0 ? bits & ~1 : bits;
  }

  /** The wire of a source. A number outside 1 to `sources` is a `LabError`. */
  line(source: number): InterruptLine {
    if (!Number.isInteger(source) || source < 1 || source > this.layout.sources) {
      throw new LabError(`the interrupt controller has sources 1 to ${this.layout.sources}, not ${source}`);
    }
    return { set: (level) => this.drive(source, level) };
  }

  /** Connects a context's output, the external interrupt input of a CPU. */
  connectOutput(context: number, output: InterruptLine): void {
    const target = this.contexts[context];
    if (target === undefined) {
      throw new LabError(`the interrupt controller has ${this.layout.contexts} contexts, and none numbered ${context}`);
    }
    target.output = output;
    this.update();
  }

  /** Where wires that change, and writes to what is not implemented, are told. */
  connectTrace(trace: Trace): void {
    this.trace = trace;
    this.registers.connectTrace(trace);
  }

  /** Registers as at power-on. Wires keep their levels, which belong to the devices. */
  reset(): void {
    this.registers.reset();
    this.forwarded.fill(0);
    for (let source = 1; source <= this.layout.sources; source++) this.sample(source);
    this.update();
  }

  private drive(source: number, level: boolean): void {
    if ((this.level[source] !== 0) === level) return;
    this.level[source] = level ? 1 : 0;
    if (this.trace?.active === true) this.trace.emit({ type: 'irq-line', source, level });
    if (!level) return;
    this.sample(source);
    this.update();
  }

  /** The gateway looks at its wire. */
  private sample(source: number): void {
    if (this.level[source] === 0 || this.forwarded[source] !== 0) return;
    this.forwarded[source] = 1;
    const word = this.pending[source >>> 5]!;
    word.set(word.lo | (1 << (source & 31)));
  }

  private claim(source: number): void {
    if (source === 0) return;
    const word = this.pending[source >>> 5]!;
    word.set(word.lo & ~(1 << (source & 31)));
    this.update();
  }

  /**
   * "Interrupt Completion": the number need not be the one last claimed; one that is not enabled for the context is
   * ignored. So is a request that nobody has claimed yet: its gateway is not the one that waits.
   */
  private complete(context: Context, source: number): void {
    const bit = 1 << (source & 31);
    if (source === 0 || source > this.layout.sources) return;
    if ((context.enable[source >>> 5]!.lo & bit) === 0 || (this.pending[source >>> 5]!.lo & bit) !== 0) return;
    this.forwarded[source] = 0;
    this.sample(source);
    this.update();
  }

  /** Brings what a claim would give, and the outputs, up to date. */
  private update(): void {
    for (const context of this.contexts) {
      const best = this.bestOf(context);
      context.claim.set(best);
      context.output?.set(best !== 0 && this.priority[best]!.lo > context.threshold.lo);
    }
  }

  /** The enabled, pending source of highest priority, the lowest number among equals; 0 if there is none. */
  private bestOf(context: Context): number {
    let best = 0;
    let bestPriority = 0;
    for (let word = 0; word < this.pending.length; word++) {
      let candidates = this.pending[word]!.lo & context.enable[word]!.lo;
      while (candidates !== 0) {
        const source = 32 * word + 31 - Math.clz32(candidates & -candidates);
        const priority = this.priority[source]!.lo;
        if (priority > bestPriority) {
          best = source;
          bestPriority = priority;
        }
        candidates &= candidates - 1;
      }
    }
    return best;
  }
}
