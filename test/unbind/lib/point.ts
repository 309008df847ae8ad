import type { StructDevice } from '../../../kernel-api/base/struct-device';
import {
  platform_driver_register,
  platform_driver_unregister,
  type PlatformDevice,
} from '../../../kernel-api/base/platform';
import type { BootedKernel } from '../../../kernel-api/boot/boot';
import { msleep, ndelay, udelay, usleep_range } from '../../../kernel-api/sched/delay';
import { hostTurn, ramPool } from '../../support/on-machine';
import { Machine } from '../../../lab/machine';
import { machineWith, type BackEnd } from './back-ends';
import { engineDriver, makeGood, type Manners, type Watch } from './engine-driver';
import type { Share } from './memory-kinds';
import { usage, Witness } from './witness';

/** How a device loses its driver. */
export type Situation =
  | 'by a task'
  | 'by the completion callback'
  | 'rebound at once'
  | 'pulled out'
  | 'pulled out halfway'
  | 'sharing its group';

/** Everything that makes one run, but for the event at which the driver is unbound. */
export interface Course {
  readonly backEnd: BackEnd;
  readonly revocation: 'linux' | 'strict';
  readonly careful: boolean;
  readonly share: Share;
  readonly situation: Situation;
  /** Where the device is bound again: the next driver shares its memory before it stops the device. */
  readonly nextSharesFirst?: boolean;
  /** Spoils the machine, once it is warm. */
  readonly breakage?: (kernel: BootedKernel, machine: Machine) => void;
}

/** What came of an unbind. */
export interface Outcome {
  /** Accesses that reached memory after it, of the device itself; and of those that a test made it try. */
  reads: number;
  writes: number;
  attacks: number;
  /** Pages that changed after it, in RAM or in the CPU's cache. */
  changed: number;
  /** Accesses that were refused, of the whole run; how many of them are fault records, and how many the gate counted. */
  refused: number;
  records: number;
  drops: number;
  /** Of these, refused after the unbind. */
  refusedAfter: number;
  /** What is in use after all owners have let go, if it is not what was in use before. */
  leaked: string;
  warnings: number;
  /** The other device of the group, or the next driver of this one, moved that many bytes' worth of blocks afterwards. */
  companion: number;
  /** Accesses that got through after the unbind, before the next driver's probe had stopped the device. */
  window: number;
}

/** How long the device goes on afterwards: twice round its ring and more. */
const AFTERWARDS_US = 16;
/** How long the next driver takes before it stops the device: most of a turn of its ring. */
const PROBE_US = 3;
/** Longer than lazy invalidation puts anything off. */
const DRAINED_MS = 25;

const deviceOf = (kernel: BootedKernel, driver: string): StructDevice =>
  kernel.drivers.devices.find((dev) => dev.driver?.name === driver)!;

/** One run: unbinds at event `moment`, counted from the end of the driver's probe. */
export class Point {
  /** Events since the driver was bound. */
  private events = 0;
  private readonly course: Course;
  private readonly machine: Machine;
  private readonly kernel: BootedKernel;
  private readonly witness: Witness;
  /** Of the other device of its group. */
  private readonly other: Witness | null;
  private readonly outcome: Outcome = {
    reads: 0,
    writes: 0,
    attacks: 0,
    changed: 0,
    refused: 0,
    records: 0,
    drops: 0,
    refusedAfter: 0,
    leaked: '',
    warnings: 0,
    companion: 0,
    window: 0,
  };

  private constructor(course: Course, machine: Machine) {
    this.course = course;
    this.machine = machine;
    this.kernel = machine.kernel;
    this.witness = new Witness(machine, 'one');
    this.other = course.situation === 'sharing its group' ? new Witness(machine, 'two') : null;
    const { clock } = machine;
    const fireNext = clock.fireNext.bind(clock);
    clock.fireNext = () => {
      this.events++;
      return fireNext();
    };
  }

  /** Runs a course on a machine of its own. */
  static async run(course: Course, moment: number): Promise<Outcome> {
    const labels = course.situation === 'sharing its group' ? ['one', 'two'] : ['one'];
    const options = machineWith(course.backEnd, course.revocation, labels);
    // Mischief differs from moment to moment; nothing else depends on the seed.
    const machine = new Machine(options, { hostTurn, seed: 1 + moment, ramPool });
    try {
      return await machine.run(() => new Point(course, machine).go(moment));
    } finally {
      machine.release();
    }
  }

  private get witnesses(): readonly Witness[] {
    return this.other === null ? [this.witness] : [this.witness, this.other];
  }

  private manners(name: string, careful: boolean, label = 'one'): Manners {
    return { name, label, careful, share: this.course.share };
  }

  private async go(moment: number): Promise<Outcome> {
    const { kernel, outcome } = this;
    const devices = await this.warmUp();
    const before = usage(kernel, devices);
    const { warnings } = kernel;
    const { faultCount } = kernel.iommu;
    const left = await this.play(moment);
    for (const each of this.witnesses) each.engine.reset();
    await msleep(kernel, DRAINED_MS);
    outcome.refused = this.witnesses.reduce((sum, { engine }) => sum + engine.refused, 0);
    outcome.records = kernel.iommu.faultCount - faultCount;
    outcome.drops = this.witnesses.reduce((sum, { drops }) => sum + drops, 0);
    for (const watch of left) makeGood(watch);
    await msleep(kernel, DRAINED_MS);
    const after = usage(kernel, devices);
    outcome.leaked = after === before ? '' : `${before} -> ${after}`;
    outcome.warnings = kernel.warnings - warnings;
    return outcome;
  }

  /** One bind and unbind: page tables and workers that stay are there then. @returns the devices of the engines */
  private async warmUp(): Promise<StructDevice[]> {
    const { kernel } = this;
    const labels = this.other === null ? ['one'] : ['one', 'two'];
    const devices: StructDevice[] = [];
    for (const label of labels) {
      const { driver } = engineDriver(this.manners('warm-up', true, label));
      await platform_driver_register(kernel, driver);
      devices.push(deviceOf(kernel, 'warm-up'));
      await msleep(kernel, 1);
      await platform_driver_unregister(kernel, driver);
    }
    await msleep(kernel, DRAINED_MS);
    this.course.breakage?.(kernel, this.machine);
    return devices;
  }

  private async bind(manners: Manners): Promise<Watch> {
    const { driver, watch } = engineDriver(manners);
    await platform_driver_register(this.kernel, driver);
    return watch;
  }

  /** Binds, unbinds at the moment, and has the device try everything. @returns what was not released */
  private async play(moment: number): Promise<Watch[]> {
    const { course, witness } = this;
    const two =
      course.situation === 'sharing its group' ? await this.bind(this.manners('two', course.careful, 'two')) : null;
    const watch = await this.bindAndUnbind(moment);
    if (course.situation === 'rebound at once') return [watch, await this.rebind()];
    this.tryEverything(witness, watch);
    if (two === null) return [watch];
    await this.endSharing(two, watch);
    return [watch, two];
  }

  private async bindAndUnbind(moment: number): Promise<Watch> {
    const { kernel, course } = this;
    const byCallback = course.situation === 'by the completion callback';
    let done = false;
    const onCompletion = async ({ dev }: PlatformDevice): Promise<void> => {
      if (!byCallback || done || this.events < moment) return;
      done = true;
      await this.unbind(dev, this.witness);
    };
    const watch = await this.bind({ ...this.manners('engine', course.careful), onCompletion });
    this.events = 0;
    while (byCallback && !done) await usleep_range(kernel, 1, 1);
    if (byCallback) return watch;
    this.runTo(moment);
    if (course.situation.startsWith('pulled')) this.witness.engine.pull(course.situation === 'pulled out halfway');
    await this.unbind(deviceOf(kernel, 'engine'), this.witness);
    return watch;
  }

  /** Lets events happen one by one, until there were so many of them. */
  private runTo(moment: number): void {
    const { kernel, machine } = this;
    while (this.events < moment) ndelay(kernel, Math.max(machine.clock.nextDeadline - machine.clock.now, 1));
  }

  /** When this returns, nothing of the device reaches memory any more. */
  private async unbind(dev: StructDevice, witness: Witness): Promise<void> {
    const error = await this.kernel.drivers.unbind(dev.driver!.name, dev.name);
    if (error !== 0) throw new Error(`unbind: ${error}`);
    witness.begin();
  }

  /** The device goes on if nothing stopped it, then tries each address that it was ever given. */
  private tryEverything(witness: Witness, ...watches: readonly Watch[]): void {
    const { kernel, outcome, course } = this;
    const { refused } = witness.engine;
    udelay(kernel, AFTERWARDS_US);
    const bare = course.revocation === 'linux' && (!course.backEnd.translated || !course.careful);
    if (!bare) outcome.attacks += witness.attack(watches.flatMap(({ given }) => given));
    outcome.reads += witness.reads;
    outcome.writes += witness.writes;
    // The other device of the group writes as well.
    if (course.situation !== 'sharing its group') outcome.changed += witness.changed().length;
    outcome.refusedAfter += witness.engine.refused - refused;
    witness.end();
  }

  /** The next driver gets a device that may still be at work for the last one. */
  private async rebind(): Promise<Watch> {
    const { kernel, outcome, witness } = this;
    const { refused } = witness.engine;
    const onStopped = (): void => {
      outcome.window = witness.reads + witness.writes;
    };
    const sharesFirst = this.course.nextSharesFirst === true;
    const watch = await this.bind({ ...this.manners('next', true), sharesFirst, probeUs: PROBE_US, onStopped });
    const { writes } = witness;
    const refusedBefore = witness.engine.refused;
    udelay(kernel, AFTERWARDS_US);
    outcome.companion = witness.writes - writes;
    outcome.refusedAfter += refusedBefore - refused;
    witness.end();
    const atWork = witness.engine.refused;
    if (atWork !== refusedBefore) throw new Error('the next driver of the device is turned away');
    await this.unbind(deviceOf(kernel, 'next'), witness);
    this.tryEverything(witness, watch);
    return watch;
  }

  /** The other device works on as if nothing had happened; once it has lost its driver as well, both are shut out. */
  private async endSharing(two: Watch, one: Watch): Promise<void> {
    const { kernel, outcome, witness, other } = this;
    const { refused, attempts } = other!.engine;
    udelay(kernel, AFTERWARDS_US);
    outcome.companion = other!.engine.attempts - attempts;
    if (other!.engine.refused !== refused) throw new Error('the other device of the group is turned away');
    await this.unbind(deviceOf(kernel, 'two'), other!);
    witness.begin();
    this.tryEverything(other!, two);
    this.tryEverything(witness, one);
  }
}
