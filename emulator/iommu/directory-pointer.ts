import type { Clock, Timer } from '../clock';
import type { Register } from '../registers/register';
import type { RegisterBlock } from '../registers/register-block';
import type { RecentTranslations } from './caches/recent';
import { DDTP_1LVL, DDTP_BARE, DDTP_OFF, DEVICE_ID_BITS, levelsOfMode, modeOfLevels } from './spec/ddtp';
import { BASE_FORMAT, deviceIdBits, ppnInBits53To10 } from './spec/device-context';
import type { IOMMU_REGISTERS } from './spec/registers';

const MODE_MASK = 0xf;
const BUSY = 0x10;

/**
 * `ddtp` ("Device-directory-table pointer"), and the mode in force, which follows the register when `busy` clears.
 *
 * Of what the specification leaves open: a write while `busy` is ignored; so is one that would go from one directory to
 * another (first go to `Off` or `Bare`); a mode that is not supported leaves the mode as it is.
 */
export class DirectoryPointer {
  /** The mode in force. */
  mode = DDTP_OFF;
  /** Levels of the directory in force; 0 in `Off` and `Bare`. */
  levels = 0;
  /** Page number of its root. */
  root = 0;
  /** The largest `device_id` that it can look up; -1 in `Off` and `Bare`. */
  widestDevice = -1;
  private readonly register: Register;
  private readonly highestMode: number;
  private readonly busyTime: number;
  private readonly timer: Timer;
  private readonly recent: RecentTranslations;
  private modeBefore = DDTP_OFF;

  constructor(
    block: RegisterBlock<typeof IOMMU_REGISTERS>,
    clock: Clock,
    directoryLevels: number,
    busyTime: number,
    highPpnBits: number,
    recent: RecentTranslations,
  ) {
    this.recent = recent;
    this.register = block.register('ddtp');
    this.highestMode = modeOfLevels(directoryLevels);
    this.busyTime = busyTime;
    this.timer = clock.timer(`${block.name}.ddtp`, () => this.settle());
    block.hook('ddtp', {
      acceptWrite: (register, lo, _hi, maskLo) => this.accepts(register, lo, maskLo),
      afterWrite: (register, _lo, _hi, maskLo) => this.written(register, maskLo, highPpnBits),
    });
  }

  private accepts(register: Register, lo: number, maskLo: number): boolean {
    this.modeBefore = register.lo & MODE_MASK;
    if ((register.lo & BUSY) !== 0) return false;
    const modeAfter = (maskLo & MODE_MASK) === 0 ? this.modeBefore : lo & MODE_MASK;
    return this.modeBefore < DDTP_1LVL || modeAfter <= DDTP_BARE;
  }

  private written(register: Register, maskLo: number, highPpnBits: number): void {
    const wanted = register.lo & MODE_MASK;
    const mode = wanted > this.highestMode ? this.modeBefore : wanted;
    register.set((register.lo & ~MODE_MASK) | mode, register.hi & highPpnBits);
    if ((maskLo & MODE_MASK) === 0) return;
    if (this.busyTime === 0) {
      this.settle();
    } else {
      register.set(register.lo | BUSY, register.hi);
      this.timer.armAfter(this.busyTime);
    }
  }

  private settle(): void {
    const { register } = this;
    this.recent.clear();
    register.set(register.lo & ~BUSY, register.hi);
    this.mode = register.lo & MODE_MASK;
    this.levels = levelsOfMode(this.mode);
    this.root = ppnInBits53To10(register.lo, register.hi);
    this.widestDevice = this.levels === 0 ? -1 : 2 ** deviceIdBits(BASE_FORMAT, this.levels) - 1;
  }

  /** The largest `device_id` that a command may name: what the mode supports, or any if there is no directory. */
  get widestInCommand(): number {
    return this.levels === 0 ? 2 ** DEVICE_ID_BITS - 1 : this.widestDevice;
  }

  /** Back to `Off`. The block has reset the register. */
  reset(): void {
    this.timer.cancel();
    this.settle();
  }
}
