import { ENOENT, ENOMEM } from '../../base/errno';
import { virtAddr, type VirtAddr } from '../../base/address';
import { __GFP_ZERO, type Gfp, GFP_KERNEL } from '../gfp';
import { kfree, kmalloc } from '../mm/kmalloc';
import type { StructDevice } from './struct-device';

/** Releases a managed resource. May sleep. */
export type DevresRelease = (data: unknown) => void | Promise<void>;

/** Bytes of a resource's bookkeeping in memory (`struct devres`), in front of its data. Whole lines of the cache. */
const NODE_SIZE = 64;

/** One managed resource (`struct devres_node`). Its memory is real, so that allocating it can fail. */
interface DevresNode {
  readonly memory: VirtAddr;
  readonly release: DevresRelease;
  readonly data: unknown;
}

/** The managed resources of a device (`drivers/base/devres.c`): released in reverse order, each exactly once. */
export class Devres {
  private readonly dev: StructDevice;
  private nodes: DevresNode[] = [];

  constructor(dev: StructDevice) {
    this.dev = dev;
  }

  /** How many there are. */
  get count(): number {
    return this.nodes.length;
  }

  /**
   * Adds a resource.
   * @param size bytes that go with it in memory
   * @returns where those bytes are; 0 if memory is short, and then nothing was added
   */
  add(release: DevresRelease, data: unknown, size = 0, gfp: Gfp = GFP_KERNEL): VirtAddr {
    const memory = kmalloc(this.dev.kernel, NODE_SIZE + size, gfp);
    if (memory === 0) return memory;
    this.nodes.push({ memory, release, data });
    return virtAddr(memory + NODE_SIZE);
  }

  /** Takes the newest resource that fits off the list without releasing it; what was registered with it, or undefined. */
  remove(
    fits: (release: DevresRelease, data: unknown, memory: VirtAddr) => boolean,
  ): { readonly data: unknown } | undefined {
    const index = this.nodes.findLastIndex((node) => fits(node.release, node.data, virtAddr(node.memory + NODE_SIZE)));
    if (index < 0) return undefined;
    const [node] = this.nodes.splice(index, 1);
    kfree(this.dev.kernel, node!.memory);
    return { data: node!.data };
  }

  /**
   * Releases everything that is there now, newest first (`devres_release_all`). A release that stops the kernel does not
   * keep the others from running; the first such error is thrown in the end. Returns how many there were.
   */
  async releaseAll(): Promise<number> {
    const { nodes } = this;
    this.nodes = [];
    const errors: unknown[] = [];
    for (const node of nodes.toReversed()) {
      try {
        const waiting = node.release(node.data);
        if (waiting !== undefined) await waiting;
      } catch (error) {
        errors.push(error);
      }
      kfree(this.dev.kernel, node.memory);
    }
    if (errors.length > 0) throw errors[0];
    return nodes.length;
  }
}

/** Adds a resource of one's own. 0, or `-ENOMEM`. */
export const devres_add = (dev: StructDevice, release: DevresRelease, data: unknown): number =>
  dev.devres.add(release, data) === 0 ? -ENOMEM : 0;

/** Has `action` called when the driver is unbound (or fails to bind). 0, or `-ENOMEM`: then it will not be called. */
export const devm_add_action = <T>(dev: StructDevice, action: (data: T) => void | Promise<void>, data: T): number =>
  devres_add(dev, action as DevresRelease, data);

/** As `devm_add_action`, but on failure `action` is called at once; such an action may not sleep. */
export const devm_add_action_or_reset = <T>(dev: StructDevice, action: (data: T) => void, data: T): number => {
  const error = devm_add_action(dev, action, data);
  if (error !== 0) action(data);
  return error;
};

/** Takes an action off the list; it is not called. Warns if it is not there. */
export const devm_remove_action = <T>(dev: StructDevice, action: (data: T) => void | Promise<void>, data: T): void => {
  const removed = dev.devres.remove(
    (release, candidate) => release === (action as DevresRelease) && candidate === data,
  );
  if (removed === undefined) dev.kernel.warn('devm_remove_action', `${dev.name} has no such action`);
};

/** Releases the newest resource with this release function whose data fits, now. `-ENOENT` if there is none. */
export const devm_release_action = async (
  dev: StructDevice,
  release: DevresRelease,
  fits: (data: unknown) => boolean,
): Promise<number> => {
  const removed = dev.devres.remove((candidate, data) => candidate === release && fits(data));
  if (removed === undefined) return -ENOENT;
  await release(removed.data);
  return 0;
};

/** Releases all resources of a device, newest first. */
export const devres_release_all = (dev: StructDevice): Promise<number> => dev.devres.releaseAll();

const nothing: DevresRelease = () => undefined;

/** Memory that is freed when the driver is unbound. 0 if there is none. */
export const devm_kmalloc = (dev: StructDevice, size: number, gfp: Gfp): VirtAddr => {
  const memory = dev.devres.add(nothing, null, size, gfp & ~__GFP_ZERO);
  if (memory !== 0 && (gfp & __GFP_ZERO) !== 0) dev.kernel.mm.fill(memory, 0, size);
  return memory;
};

/** Zeroed memory that is freed when the driver is unbound. */
export const devm_kzalloc = (dev: StructDevice, size: number, gfp: Gfp): VirtAddr =>
  devm_kmalloc(dev, size, gfp | __GFP_ZERO);

/** Zeroed memory for an array; 0 also if its size overflows. */
export const devm_kcalloc = (dev: StructDevice, n: number, size: number, gfp: Gfp): VirtAddr =>
  Number.isSafeInteger(n * size) ? devm_kzalloc(dev, n * size, gfp) : virtAddr(0);

/** Frees memory of `devm_kmalloc` before the driver is unbound. */
export const devm_kfree = (dev: StructDevice, address: VirtAddr): void => {
  const removed = dev.devres.remove((release, _data, memory) => release === nothing && memory === address);
  if (removed === undefined)
    dev.kernel.warn('devm_kfree', `0x${address.toString(16)} is no managed memory of ${dev.name}`);
};
