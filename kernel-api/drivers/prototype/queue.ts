import type { LayoutMemory } from '../../../base/layout';
import type { DmaAddr, VirtAddr } from '../../../base/address';
import {
  DescriptorQueue,
  queueLayout,
  type Format,
  type PostOptions,
  type QueueLayout,
} from '../../../base/descriptor';
import { EBUSY, EINVAL, EIO, ENODEV, ENOMEM, ETIMEDOUT } from '../../../base/errno';
import { hex } from '../../../base/u64';
import type { StructDevice } from '../../base/struct-device';
import { dma_alloc_coherent, dma_free_coherent } from '../../dma/coherent';
import { out } from '../../err';
import { GFP_KERNEL } from '../../gfp';
import { dma_rmb, dma_wmb } from '../../io/barriers';
import type { IoMem } from '../../io/io-mem';
import { readl_poll_timeout_atomic } from '../../io/poll';
import { SpinLock, spin_lock_irqsave, spin_unlock_irqrestore } from '../../sched/spinlock';
import {
  Q_BASE,
  Q_COALESCE,
  Q_COALESCE_NS,
  Q_CONFIG,
  Q_CONFIG_DONE_PHASE,
  Q_CONFIG_PHASE,
  Q_CONFIG_TO_MEMORY,
  Q_CONTROL,
  Q_CONTROL_ABORT,
  Q_CONTROL_ENABLE,
  Q_DONE,
  Q_DONE_HEAD,
  Q_DONE_SIZE,
  Q_DONE_TAIL,
  Q_DOORBELL,
  Q_ERROR,
  Q_ERROR_ADDRESS,
  Q_ERROR_CODE_MASK,
  Q_HEADS,
  Q_INDEX,
  Q_INT_COMPLETE,
  Q_INT_ENABLE,
  Q_INT_ERROR,
  Q_INT_STATUS,
  Q_SIZE,
  Q_STATUS,
  Q_STATUS_ENABLED,
  Q_STATUS_HALTED,
  Q_STREAM,
  Q_STREAM_LENGTH,
  Q_STREAM_LOOP,
  Q_STREAM_PACKETS,
  Q_STREAM_PEER_SHIFT,
  Q_STREAM_SEED,
} from './regs';
import {
  mapTransfer,
  transferPieces,
  unmapTransfer,
  type Transfer,
  type TransferCallback,
  type TransferLists,
  type TransferResult,
} from './transfer';

/** Where data comes from that is written to memory, and where that goes that is read there. */
export interface StreamOptions {
  /** Packets that arrive are written to memory, not a pattern. Default false. */
  readonly packets?: boolean;
  /** What is read from memory arrives at the queue of this index. Default: it goes to the sink. */
  readonly loopTo?: number;
  /** Of the pattern. Default 0. */
  readonly seed?: number;
  /** Bytes of a packet of the pattern. Default 0: as many as a request takes. */
  readonly packetBytes?: number;
}

/** How the driver sets its queues up. */
export interface PrototypeQueueOptions extends PostOptions {
  /** Entries of each queue. Default 64. */
  readonly entries?: number;
  /** Most pieces of a request. Default 64. */
  readonly pieces?: number;
  /** Requests that have tables or lists at the same time. Default: as many as entries. */
  readonly tables?: number;
  /** Values of the format's parameters. */
  readonly parameters?: Readonly<Record<string, number>>;
  /** Completions until an interrupt, and nanoseconds after the first one in which it comes anyway. Default: each. */
  readonly coalesce?: { readonly count: number; readonly ns: number };
  /** The far side of the queue. Default: the engine's pattern, and a sink. */
  readonly stream?: StreamOptions;
  /** The CPU's way to descriptors, for who counts. Default: the kernel's memory. */
  readonly accessor?: (memory: LayoutMemory) => LayoutMemory;
}

const DEFAULT_ENTRIES = 64;
const DEFAULT_PIECES = 64;
/** How long a queue may take to stop: the poll's interval and limit, in microseconds. */
const STOP_POLL_US = 1;
const STOP_TIMEOUT_US = 100_000;

/** One queue of an engine: descriptors in coherent memory, and the requests that are on their way. */
export class PrototypeQueue {
  readonly dev: StructDevice;
  readonly format: Format;
  readonly index: number;
  private readonly regs: IoMem;
  private readonly options: PrototypeQueueOptions;
  private readonly layout: QueueLayout;
  private readonly lock: SpinLock;
  private memory: VirtAddr | 0 = 0;
  private handle: DmaAddr = 0n as DmaAddr;
  private queue: DescriptorQueue<Transfer> | undefined;
  private closed = false;
  private refused: string | undefined;
  private readonly transfers = new Set<Transfer>();

  constructor(dev: StructDevice, format: Format, regs: IoMem, index: number, options: PrototypeQueueOptions) {
    const { entries = DEFAULT_ENTRIES, pieces = DEFAULT_PIECES, tables = entries, parameters = {} } = options;
    this.dev = dev;
    this.format = format;
    this.regs = regs;
    this.index = index;
    this.options = options;
    this.layout = queueLayout(format, { entries, pieces, tables, parameters });
    this.lock = new SpinLock(dev.kernel, `${dev.name} queue ${index}`);
  }

  /** Requests that were submitted and have not ended. */
  get outstanding(): number {
    return this.transfers.size;
  }

  /** Why the last request was `-EINVAL`, as a sentence without a full stop; undefined if none was. */
  get refusal(): string | undefined {
    return this.refused;
  }

  /** Allocates and enables. 0, or a negative errno. */
  open(): number {
    const handle = out(0n as DmaAddr);
    const memory = dma_alloc_coherent(this.dev, this.layout.bytes, handle, GFP_KERNEL);
    if (memory === 0) return -ENOMEM;
    this.memory = memory;
    this.handle = handle.value;
    this.start();
    return 0;
  }

  /** Makes a fresh queue in the memory, and lets the engine have it. */
  private start(): void {
    const { regs, layout, options, format, dev } = this;
    const { kernel } = dev;
    const { accessor = (memory: LayoutMemory) => memory, coalesce } = options;
    const shared = {
      memory: accessor(kernel.mm),
      cpu: this.memory,
      device: this.handle,
      wmb: () => dma_wmb(kernel),
      rmb: () => dma_rmb(kernel),
    };
    this.queue = new DescriptorQueue(format, layout, shared, options);
    const { base, heads, done } = this.queue.addresses;
    const direction = options.moves === 'to-memory' ? Q_CONFIG_TO_MEMORY : 0;
    regs.writel(Q_CONFIG, direction | Q_CONFIG_PHASE | Q_CONFIG_DONE_PHASE);
    regs.writel(Q_SIZE, layout.entries);
    regs.writeq(Q_BASE, base);
    regs.writeq(Q_HEADS, heads);
    regs.writeq(Q_DONE, done);
    regs.writel(Q_DONE_SIZE, layout.completions);
    regs.writel(Q_DONE_HEAD, 0);
    regs.writel(Q_INDEX, 0);
    regs.writel(Q_DONE_TAIL, 0);
    regs.writel(Q_COALESCE, coalesce?.count ?? 0);
    regs.writel(Q_COALESCE_NS, coalesce?.ns ?? 0);
    this.setStream();
    regs.writel(Q_INT_STATUS, 0xffff_ffff);
    regs.writel(Q_INT_ENABLE, Q_INT_COMPLETE | Q_INT_ERROR);
    regs.writel(Q_CONTROL, Q_CONTROL_ENABLE);
  }

  private setStream(): void {
    const { regs, options } = this;
    if (options.stream === undefined) return;
    const { packets = false, loopTo, seed = 0, packetBytes = 0 } = options.stream;
    const loop = loopTo === undefined ? 0 : Q_STREAM_LOOP | (loopTo << Q_STREAM_PEER_SHIFT);
    regs.writel(Q_STREAM_SEED, seed);
    regs.writel(Q_STREAM_LENGTH, packetBytes);
    regs.writel(Q_STREAM, (packets ? Q_STREAM_PACKETS : 0) | loop);
  }

  /**
   * Maps the lists of a request, posts it and, unless `more` requests follow at once, rings the doorbell. Fits any context.
   * @returns 0; `-EBUSY` if there is no room now; `-EINVAL` if the format cannot carry it; `-ENODEV` once the driver goes;
   *   or why it could not be mapped. The callback is called for 0 only, and then exactly once.
   */
  submit(lists: TransferLists, callback: TransferCallback, more = false): number {
    const flags = spin_lock_irqsave(this.lock);
    const error = this.closed || this.queue === undefined ? -ENODEV : this.post(this.queue, { lists, callback });
    if (error === 0 && !more) this.ring();
    spin_unlock_irqrestore(this.lock, flags);
    return error;
  }

  /** Rings for what was submitted with `more`. */
  kick(): void {
    const flags = spin_lock_irqsave(this.lock);
    if (!this.closed) this.ring();
    spin_unlock_irqrestore(this.lock, flags);
  }

  private post(queue: DescriptorQueue<Transfer>, transfer: Transfer): number {
    const error = mapTransfer(this.dev, transfer.lists);
    if (error !== 0) return error;
    const posted = queue.post(transferPieces(transfer.lists), transfer);
    if (posted === 'posted') {
      this.transfers.add(transfer);
      return 0;
    }
    unmapTransfer(this.dev, transfer.lists);
    if (posted === 'full') return -EBUSY;
    this.refused = posted.problem;
    this.dev.kernel.log.error({ device: this.dev.name, queue: this.index }, `request refused: ${posted.problem}`);
    return -EINVAL;
  }

  private ring(): void {
    const value = this.queue?.doorbell();
    if (value !== undefined) this.regs.writeq(Q_DOORBELL, value);
  }

  /** The interrupt handler's part for this queue. Whether there was anything. */
  handleInterrupt(): boolean {
    const status = this.regs.readl(Q_INT_STATUS) & (Q_INT_COMPLETE | Q_INT_ERROR);
    if (status === 0) return false;
    // Cleared before looking: what completes from here on raises it again.
    this.regs.writel(Q_INT_STATUS, status);
    const ended = this.reap();
    if ((status & Q_INT_ERROR) !== 0) ended.push(...this.recover());
    for (const { transfer, result } of ended) transfer.callback(result);
    return true;
  }

  private reap(): Ended[] {
    const flags = spin_lock_irqsave(this.lock);
    const finished = this.closed ? [] : (this.queue?.reap() ?? []);
    if (finished.length > 0 && this.format.completion.kind === 'queue') {
      this.regs.writel(Q_DONE_HEAD, this.queue!.donePosition);
    }
    // Lists that had to wait for others.
    if (finished.length > 0) this.ring();
    const ended = finished.map(({ tag, written, failed, status }) =>
      this.end(tag, { error: failed ? -EIO : 0, written, status }),
    );
    spin_unlock_irqrestore(this.lock, flags);
    return ended;
  }

  private end(transfer: Transfer, result: TransferResult): Ended {
    this.transfers.delete(transfer);
    unmapTransfer(this.dev, transfer.lists);
    return { transfer, result };
  }

  /** A queue that halted starts afresh; what was under way has failed. One that goes on has told of its error in place. */
  private recover(): Ended[] {
    const { regs, dev } = this;
    if ((regs.readl(Q_STATUS) & Q_STATUS_HALTED) === 0) return [];
    const flags = spin_lock_irqsave(this.lock);
    const code = regs.readl(Q_ERROR) & Q_ERROR_CODE_MASK;
    const at = hex(regs.readq(Q_ERROR_ADDRESS));
    dev.kernel.log.error({ device: dev.name, queue: this.index, code }, `queue halted at ${at}: error ${code}`);
    const stopped = this.closed ? -ENODEV : this.stop();
    const ended = stopped === 0 ? this.drop(-EIO) : [];
    if (stopped === 0) this.start();
    spin_unlock_irqrestore(this.lock, flags);
    return ended;
  }

  /** Waits until the engine touches nothing of this queue any more. 0 or `-ETIMEDOUT`. */
  private stop(): number {
    const { regs, dev } = this;
    regs.writel(Q_INT_ENABLE, 0);
    regs.writel(Q_CONTROL, Q_CONTROL_ABORT);
    const stopped = (value: number): boolean => (value & Q_STATUS_ENABLED) === 0;
    if (readl_poll_timeout_atomic(regs.add(Q_STATUS), stopped, STOP_POLL_US, STOP_TIMEOUT_US) === 0) return 0;
    dev.kernel.warn('prototype', `queue ${this.index} of ${dev.name} failed to stop`);
    return -ETIMEDOUT;
  }

  private drop(error: number): Ended[] {
    return [...this.transfers].map((transfer) => this.end(transfer, { error, written: undefined, status: 0 }));
  }

  /** Ends the queue: it is stopped, what was under way fails with `-ENODEV`, its memory is given back. */
  close(): void {
    const flags = spin_lock_irqsave(this.lock);
    this.closed = true;
    const stopped = this.memory === 0 ? 0 : this.stop();
    // What an engine that did not stop may still write to is better leaked than handed out again.
    const ended = stopped === 0 ? this.drop(-ENODEV) : [];
    spin_unlock_irqrestore(this.lock, flags);
    for (const { transfer, result } of ended) transfer.callback(result);
    if (this.memory !== 0 && stopped === 0) {
      dma_free_coherent(this.dev, this.layout.bytes, this.memory, this.handle);
    }
    this.memory = 0;
    this.queue = undefined;
  }

  /** Where a walk finds what is under way; for dumps. */
  get pending(): ReturnType<DescriptorQueue<Transfer>['pending']> | undefined {
    return this.queue?.pending();
  }
}

interface Ended {
  readonly transfer: Transfer;
  readonly result: TransferResult;
}
