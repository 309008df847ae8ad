import type { DmaAddr } from '../../../base/address';
import {
  devm_platform_ioremap_resource,
  platform_get_irq,
  platform_get_drvdata,
  platform_set_drvdata,
  type PlatformDevice,
  type PlatformDriver,
} from '../../../kernel-api';
import { DMA_BIT_MASK, dma_set_mask_and_coherent } from '../../../kernel-api/dma/mapping';
import { IS_ERR } from '../../../kernel-api/err';
import type { IoMem } from '../../../kernel-api/io/io-mem';
import { devm_request_irq, IRQ_HANDLED, IRQ_NONE, type IrqReturn } from '../../../kernel-api/irq/request-irq';
import { ndelay, udelay } from '../../../kernel-api/sched/delay';
import { cancel_work_sync, schedule_work, WorkStruct } from '../../../kernel-api/sched/workqueue';
import * as engine from './engine';
import type { Share, Shared } from './memory-kinds';

/** How many descriptors the ring has. */
const SLOTS = 2;
const STOP_POLLS = 20;

/** How a driver of the engine behaves. */
export interface Manners {
  readonly name: string;
  /** The label of its device. */
  readonly label: string;
  readonly share: Share;
  /** Stops the device, cancels its work and gives everything back in `remove`; else it has no `remove`. */
  readonly careful: boolean;
  /** Shares its memory before it stops the device: what no driver should do. */
  readonly sharesFirst?: boolean;
  /** Microseconds that `probe` takes before it gets to stopping the device: clocks, resets. */
  readonly probeUs?: number;
  /** Called once the device has been stopped in `probe`. */
  readonly onStopped?: () => void;
  /** Called by the work item that every interrupt schedules. */
  readonly onCompletion?: (dev: PlatformDevice) => void | Promise<void>;
}

/** What a bound driver keeps. */
interface Running {
  readonly regs: IoMem;
  readonly shared: readonly Shared[];
  readonly work: WorkStruct;
}

/** What of a driver a test looks at. */
export interface Watch {
  /** Everything that the device was ever given, the ring first. */
  readonly given: DmaAddr[];
  /** What nobody has released yet. */
  readonly left: Shared[];
  completions: number;
}

/** What the node of an engine is compatible with. */
export const compatibleOf = (label: string): string => `test,${label}`;

const put = (view: DataView, at: number, value: bigint): void => view.setBigUint64(at, value, true);

/** Shares a ring and its buffers with the device. */
const shareAll = (pdev: PlatformDevice, share: Share): Shared[] => {
  const ring = new Uint8Array(SLOTS * engine.DESCRIPTOR_BYTES);
  const view = new DataView(ring.buffer);
  const buffers = Array.from({ length: 2 * SLOTS }, (_, n) =>
    share(
      pdev.dev,
      new Uint8Array(engine.BLOCK).map((_byte, i) => n * 16 + i),
    ),
  );
  for (let slot = 0; slot < SLOTS; slot++) {
    const at = slot * engine.DESCRIPTOR_BYTES;
    put(view, at, buffers[2 * slot]!.address);
    put(view, at + 8, buffers[2 * slot + 1]!.address);
    view.setUint32(at + 16, engine.BLOCK, true);
  }
  return [share(pdev.dev, ring), ...buffers];
};

const start = (regs: IoMem, ring: DmaAddr): void => {
  regs.writel(engine.REG_RING_LO, Number(ring & 0xffff_ffffn));
  regs.writel(engine.REG_RING_HI, Number(ring >> 32n));
  regs.writel(engine.REG_COUNT, SLOTS);
  regs.writel(engine.REG_CONTROL, 1);
};

/** Stops the device, and waits until it says so; not for ever, since it may be gone. */
const stop = (pdev: PlatformDevice, regs: IoMem): void => {
  regs.writel(engine.REG_CONTROL, 0);
  for (let poll = 0; poll < STOP_POLLS && regs.readl(engine.REG_STATUS) !== 0; poll++) ndelay(pdev.dev.kernel, 50);
  regs.writel(engine.REG_IRQ, 1);
};

const forget = (watch: Watch, shared: readonly Shared[]): void => {
  for (const one of shared) {
    watch.left.splice(watch.left.indexOf(one), 1);
    one.release();
  }
};

const probe = (pdev: PlatformDevice, manners: Manners, watch: Watch): number => {
  const regs = devm_platform_ioremap_resource(pdev, 0);
  if (IS_ERR(regs)) return regs;
  const error = dma_set_mask_and_coherent(pdev.dev, DMA_BIT_MASK(64));
  if (error !== 0) return error;
  const early = manners.sharesFirst === true ? shareAll(pdev, manners.share) : null;
  udelay(pdev.dev.kernel, manners.probeUs ?? 0);
  // Whatever an earlier driver left it doing: a correct driver begins with this.
  stop(pdev, regs);
  manners.onStopped?.();
  const shared = early ?? shareAll(pdev, manners.share);
  watch.given.push(...shared.map(({ address }) => address));
  watch.left.push(...shared);
  const work = new WorkStruct(pdev.dev.kernel, () => {
    watch.completions++;
    return manners.onCompletion?.(pdev);
  });
  platform_set_drvdata(pdev, { regs, shared, work } satisfies Running);
  const handler = (): IrqReturn => {
    if (regs.readl(engine.REG_IRQ) !== 1) return IRQ_NONE;
    regs.writel(engine.REG_IRQ, 1);
    schedule_work(work);
    return IRQ_HANDLED;
  };
  const refused = devm_request_irq(pdev.dev, platform_get_irq(pdev, 0), handler, 0, 'engine', pdev);
  if (refused !== 0) return refused;
  start(regs, shared[0]!.address);
  return 0;
};

/** A driver of the engine, and what it does with its memory. */
export const engineDriver = (manners: Manners): { driver: PlatformDriver; watch: Watch } => {
  const watch: Watch = { given: [], left: [], completions: 0 };
  const remove = async (pdev: PlatformDevice): Promise<void> => {
    const { regs, shared, work } = platform_get_drvdata<Running>(pdev);
    stop(pdev, regs);
    // Who is unbound by its own work item cannot wait for it.
    if (!work.running) await cancel_work_sync(work);
    forget(watch, shared);
  };
  const driver: PlatformDriver = {
    driver: { name: manners.name, of_match_table: [{ compatible: compatibleOf(manners.label) }] },
    probe: (pdev) => probe(pdev, manners, watch),
    ...(manners.careful ? { remove } : {}),
  };
  return { driver, watch };
};

/** Releases what a careless driver did not. */
export const makeGood = (watch: Watch): void => forget(watch, [...watch.left]);
