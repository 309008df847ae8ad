import { dmaAddrOf } from '../../base/address';
import { BUS_ACCESS_FAULT, type BusOutcome } from '../../base/bus-outcome';
import type { Trace } from '../../base/trace';
import { addressHigh, addressLow, u64ToBigInt, type U64 } from '../../base/u64';
import type { AccessWidth, MmioTarget } from '../bus/mmio';
import type { PhysicalBus } from '../bus/physical-bus';
import { ACCESS_EXECUTE, ACCESS_WRITE, type AccessKind, type Translator } from '../bus/translator';
import type { Clock } from '../clock';
import type { InterruptLine } from '../interrupts/interrupt-line';
import { RegisterBlock } from '../registers/register-block';
import { ContextCache } from './caches/context-cache';
import { ALLOWED_KINDS, Iotlb, WRITABLE_NOT_DIRTY } from './caches/iotlb';
import { RecentTranslations } from './caches/recent';
import { DeviceDirectory } from './directory';
import { DirectoryPointer } from './directory-pointer';
import { InterruptSignals } from './interrupts';
import { configureIommu, type IommuCapabilities, type RiscvIommuOptions } from './options';
import { CommandExecutor } from './queues/command-executor';
import { CommandQueue } from './queues/command-queue';
import { FaultQueue } from './queues/fault-queue';
import { DDTP_BARE, DDTP_OFF } from './spec/ddtp';
import {
  CAUSE_ALL_DISALLOWED,
  CAUSE_TYPE_DISALLOWED,
  isReportedDespiteDtf,
  TTYP_UNTRANSLATED_EXECUTE,
  TTYP_UNTRANSLATED_READ,
  TTYP_UNTRANSLATED_WRITE,
} from './spec/fault';
import { IGS_WSI, IOMMU_REGISTERS, VERSION_1_0 } from './spec/registers';
import { QuietWalk } from './quiet-walk';
import { FirstStageWalker, LINE_PAGES, pageFaultOf } from './walker';

/**
 * The RISC-V IOMMU, first part: directory, first stage, command and fault queue. `docs/iommu.md` has the table of what
 * is supported and of what the specification left to choose.
 *
 * It stands between devices and the bus (`Translator`), is programmed through its registers (`MmioTarget`), and reads
 * everything else from memory.
 */
export class RiscvIommu implements Translator, MmioTarget {
  readonly name: string;
  readonly size: number;
  /** The registers, for inspection. */
  readonly registers: RegisterBlock<typeof IOMMU_REGISTERS>;
  /** Faults that could not be queued, for inspection: software cannot know how many there were. */
  lostFaults = 0;
  /** See `Translator`: of directory and page tables. */
  walkReads = 0;
  private readonly trace: Trace;
  private readonly capabilities: IommuCapabilities;
  private readonly recent = new RecentTranslations();
  private readonly iotlb: Iotlb;
  private readonly contexts: ContextCache;
  private readonly pointer: DirectoryPointer;
  private readonly directory: DeviceDirectory;
  private readonly walker: FirstStageWalker;
  private readonly quiet: QuietWalk;
  private readonly interrupts: InterruptSignals;
  private readonly commands: CommandQueue;
  private readonly faults: FaultQueue;

  /**
   * @param bus where tables and queues lie
   * @param lines interrupt wires by vector: 1, 2, 4, 8 or 16 of them
   *
   * An option out of its range is a `LabError`.
   */
  constructor(
    options: RiscvIommuOptions,
    bus: PhysicalBus,
    clock: Clock,
    trace: Trace,
    lines: readonly InterruptLine[],
  ) {
    const configuration = configureIommu(options);
    const { capabilities, timing } = configuration;
    const block = new RegisterBlock(IOMMU_REGISTERS, configuration.name);
    const highPpnBits = highPpnMask(capabilities.physicalAddressBits);
    block.connectTrace(trace);
    this.name = configuration.name;
    this.size = block.size;
    this.registers = block;
    this.trace = trace;
    this.capabilities = capabilities;
    this.iotlb = new Iotlb(configuration.iotlb, this.recent);
    this.contexts = new ContextCache(configuration.contextCache, this.recent);
    const { directoryLevels } = configuration;
    this.pointer = new DirectoryPointer(block, clock, directoryLevels, timing.busy, highPpnBits, this.recent);
    this.directory = new DeviceDirectory(bus, capabilities);
    this.walker = new FirstStageWalker(bus, capabilities);
    this.quiet = new QuietWalk(bus, capabilities);
    this.interrupts = new InterruptSignals(block, lines);
    const widest = (): number => this.pointer.widestInCommand;
    const executor = new CommandExecutor(bus, this.iotlb, this.contexts, capabilities, widest);
    const { commandsPerBatch } = configuration;
    this.commands = new CommandQueue(
      block,
      bus,
      executor,
      this.interrupts,
      clock,
      trace,
      timing,
      commandsPerBatch,
      highPpnBits,
    );
    this.faults = new FaultQueue(block, bus, this.interrupts, clock, timing.busy, highPpnBits);
    this.reset();
  }

  /** Back to power-on: mode `Off`, queues off, caches empty, wires low. */
  reset(): void {
    this.lostFaults = 0;
    this.registers.reset();
    this.advertise();
    this.pointer.reset();
    this.commands.reset();
    this.faults.reset();
    this.iotlb.invalidateAll();
    this.contexts.invalidateAll();
    this.interrupts.refresh();
  }

  private advertise(): void {
    const register = this.registers.register('capabilities');
    const { capabilities } = this;
    register.setField('version', VERSION_1_0);
    register.setField('Sv39', 1);
    register.setField('Sv48', capabilities.virtualAddressBits >= 48 ? 1 : 0);
    register.setField('Sv57', capabilities.virtualAddressBits >= 57 ? 1 : 0);
    register.setField('Svrsw60t59b', capabilities.softwareBits ? 1 : 0);
    register.setField('AMO_HWAD', capabilities.hardwareAccessedDirty ? 1 : 0);
    register.setField('IGS', IGS_WSI);
    register.setField('PAS', capabilities.physicalAddressBits);
    register.setField('NL', capabilities.nonLeafInvalidation ? 1 : 0);
    register.setField('S', capabilities.rangeInvalidation ? 1 : 0);
  }

  read(offset: number, width: AccessWidth, into: U64): BusOutcome {
    return this.registers.read(offset, width, into);
  }

  write(offset: number, width: AccessWidth, lo: number, hi: number): BusOutcome {
    return this.registers.write(offset, width, lo, hi);
  }

  peek(offset: number, width: AccessWidth, into: U64): BusOutcome {
    return this.registers.peek(offset, width, into);
  }

  /** "Process to translate an IOVA", for an untranslated request without `process_id`. See `Translator`. */
  translate(requesterId: number, page: number, offset: number, kind: AccessKind): number {
    const frame = this.recent.find(requesterId, page, kind);
    return frame >= 0 ? frame : this.lookUp(requesterId, page, offset, kind);
  }

  /** See `Translator`. What the caches would answer, right or wrong, and else what is in memory. */
  wouldTranslate(requesterId: number, page: number, kind: AccessKind): number {
    const { contexts, iotlb, pointer, quiet } = this;
    const frame = this.recent.find(requesterId, page, kind);
    if (frame >= 0) return frame;
    if (pointer.mode === DDTP_BARE) return page;
    if (requesterId > pointer.widestDevice) return BUS_ACCESS_FAULT;
    const context = contexts.find(requesterId) ?? quiet.locate(pointer.root, pointer.levels, requesterId);
    if (context === undefined) return BUS_ACCESS_FAULT;
    const { space } = context;
    if (space < 0) return page;
    const entry = iotlb.find(page, space);
    if (entry >= 0 && !this.needsWalk(entry, kind)) {
      return ((iotlb.marksOf(entry) >>> kind) & 1) === 0 ? BUS_ACCESS_FAULT : iotlb.frameOf(entry);
    }
    const walked = quiet.walk(context, page, kind);
    return walked < 0 ? BUS_ACCESS_FAULT : walked;
  }

  /** Asks the large caches, and the page table if they do not know. */
  private lookUp(requesterId: number, page: number, offset: number, kind: AccessKind): number {
    const { contexts, iotlb, pointer } = this;
    const context = requesterId <= pointer.widestDevice ? contexts.find(requesterId) : undefined;
    if (context === undefined) return this.locate(requesterId, page, offset, kind);
    const { space } = context;
    if (space < 0) return page;
    const entry = iotlb.find(page, space);
    if (entry >= 0 && !this.needsWalk(entry, kind)) return this.use(entry, requesterId, page, offset, kind);
    const { walker } = this;
    const frame = walker.walk(context, page, kind);
    this.walkReads += walker.reads;
    if (frame < 0) return this.fail(-frame, requesterId, page, offset, kind);
    iotlb.fill(entry, page, space, frame, walker.marks);
    this.recent.keep(requesterId, page, frame, walker.marks & ALLOWED_KINDS);
    if (this.trace.active) this.emitTranslate(requesterId, page, offset, frame);
    this.takeAlong(requesterId, page, space);
    return frame;
  }

  /**
   * A walk fetches its leaf with the line of memory that it is in, so the translations of the pages around come for free
   * and are kept where the latest answers are: most devices go on to the next page. What the IOTLB has an answer for
   * stays as it is, so that no page is fresh at one time and stale again later.
   */
  private takeAlong(requesterId: number, page: number, space: number): void {
    const { walker, recent, iotlb } = this;
    const first = page - (page & (LINE_PAGES - 1));
    for (let index = 0; index < LINE_PAGES; index++) {
      if (iotlb.find(first + index, space) >= 0) continue;
      const frame = walker.neighbour(index);
      if (frame >= 0) recent.keep(requesterId, first + index, frame, walker.marks & ALLOWED_KINDS);
    }
  }

  /** No device context is cached, or none is needed. */
  private locate(requesterId: number, page: number, offset: number, kind: AccessKind): number {
    const { pointer } = this;
    if (pointer.mode === DDTP_BARE) return page;
    if (pointer.mode === DDTP_OFF) return this.fail(CAUSE_ALL_DISALLOWED, requesterId, page, offset, kind);
    if (requesterId > pointer.widestDevice) return this.fail(CAUSE_TYPE_DISALLOWED, requesterId, page, offset, kind);
    this.walkReads += pointer.levels;
    const cause = this.directory.locate(pointer.root, pointer.levels, requesterId);
    if (cause !== 0) return this.fail(cause, requesterId, page, offset, kind);
    this.directory.decode(this.contexts.place(requesterId));
    return this.lookUp(requesterId, page, offset, kind);
  }

  /** The first write to a clean page has to set its D bit, or to fault if memory says that it is still clear. */
  private needsWalk(entry: number, kind: AccessKind): boolean {
    return kind === ACCESS_WRITE && (this.iotlb.marksOf(entry) & WRITABLE_NOT_DIRTY) !== 0;
  }

  /** An entry of the IOTLB decides, as it would in hardware, even if memory says otherwise by now. */
  private use(entry: number, requesterId: number, page: number, offset: number, kind: AccessKind): number {
    const marks = this.iotlb.marksOf(entry);
    if (((marks >>> kind) & 1) === 0) return this.fail(pageFaultOf(kind), requesterId, page, offset, kind);
    const frame = this.iotlb.frameOf(entry);
    this.recent.keep(requesterId, page, frame, marks & ALLOWED_KINDS);
    return frame;
  }

  private emitTranslate(requester: number, page: number, offset: number, frame: number): void {
    const iova = dmaAddrOf(page, offset);
    this.trace.emit({ type: 'translate', requester, iova, page: frame, levels: this.walker.reads });
  }

  /** If no device context was located there is none that could disable anything. */
  private disablesFaults(requesterId: number): boolean {
    if (requesterId > this.pointer.widestDevice) return false;
    return this.contexts.find(requesterId)?.disablesFaults === true;
  }

  /** Reports a fault, unless the device context at hand disables that (`tc.DTF`). */
  private fail(cause: number, requesterId: number, page: number, offset: number, kind: AccessKind): number {
    if (this.disablesFaults(requesterId) && !isReportedDespiteDtf(cause)) return BUS_ACCESS_FAULT;
    const ttyp = ttypOf(kind);
    const recorded = this.faults.report({ cause, ttyp, deviceId: requesterId, page, offset });
    if (!recorded) this.lostFaults++;
    if (this.trace.active) {
      const iotval = u64ToBigInt(addressLow(page, offset), addressHigh(page));
      this.trace.emit({ type: 'iommu-fault', requester: requesterId, cause, ttyp, iotval, recorded });
    }
    return BUS_ACCESS_FAULT;
  }
}

const ttypOf = (kind: AccessKind): number => {
  if (kind === ACCESS_WRITE) return TTYP_UNTRANSLATED_WRITE;
  return kind === ACCESS_EXECUTE ? TTYP_UNTRANSLATED_EXECUTE : TTYP_UNTRANSLATED_READ;
};

/** The bits of a PPN field (53:10) that lie in the high half of its register and that `PAS` leaves. */
const highPpnMask = (physicalAddressBits: number): number => 2 ** (physicalAddressBits - 34) - 1;
