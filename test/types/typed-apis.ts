/* eslint-disable @typescript-eslint/no-unsafe-call, @typescript-eslint/no-unsafe-assignment --
   what does not compile has no type */
/* eslint-disable @typescript-eslint/no-unsafe-class-instance-assignment, @typescript-eslint/no-unnecessary-type-arguments,
   @typescript-eslint/no-meaningless-void-operator, dmalab/use-after-into -- half of this file are mistakes */
/**
 * What has to compile, and what must not, of the typed APIs. `tsc` is the test: a line after `@ts-expect-error` that compiles
 * is an error itself. `typed-apis.spec.ts` compiles it too. Nothing here is ever run.
 */
import type { DmaAddr } from '../../base/address';
import {
  aligned,
  array,
  be16,
  bool,
  bytes,
  le16,
  le32,
  le64,
  padding,
  struct,
  u64,
  u8,
  type At,
  type LayoutType,
  type Path,
  type Slice,
} from '../../base/layout';
import type { StructDevice } from '../../kernel-api/base/struct-device';
import { DMA_TO_DEVICE, dma_map_single } from '../../kernel-api/dma/mapping';
import { GFP_KERNEL } from '../../kernel-api/gfp';
import type { Kernel } from '../../kernel-api/kernel';
import {
  asBound,
  asCore,
  attrs,
  buildIndex,
  Coherent,
  CoherentBox,
  CoherentHandle,
  DataDirection,
  Devres,
  DmaMask,
  dmaRead,
  dmaSetMask,
  dmaWrite,
  panicIndex,
  SGTable,
  VVec,
  type Borrowed,
  type Bound,
  type Core,
  type Device,
  type Owned,
} from '../../kernel-api/rust';

/** Compiles if both types are the same. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const yes = <_T extends true>(): void => {};

const nvmeSqe = struct('nvme_sqe', {
  opcode: u8,
  flags: u8,
  cid: le16,
  nsid: aligned(le32, 4),
  rsvd: padding(8),
  prp: array(le64, 2),
  inner: struct('inner', { a: be16, on: bool, blob: bytes(4) }),
});
type Inner = LayoutType<(typeof nvmeSqe)['fields']['inner']['layout']>;
type NvmeSqe = LayoutType<typeof nvmeSqe>;

export const types = (): void => {
  yes<Same<LayoutType<typeof u8>, number>>();
  yes<Same<LayoutType<typeof le64>, bigint>>();
  yes<Same<keyof NvmeSqe, 'opcode' | 'flags' | 'cid' | 'nsid' | 'prp' | 'inner'>>();
  yes<Same<NvmeSqe['nsid'], number>>();
  yes<Same<NvmeSqe['prp'][number], bigint>>();
  yes<Same<NvmeSqe['prp']['length'], 2>>();
  yes<Same<Inner['on'], boolean>>();
  yes<Same<Inner['blob'], Uint8Array>>();
  yes<Same<At<typeof nvmeSqe, ['prp', 1]>, typeof le64>>();
  yes<Same<At<Slice<typeof nvmeSqe>, [5, 'inner', 'a']>, typeof be16>>();
};

export const values = (): void => {
  const inner: Inner = { a: 1, on: true, blob: new Uint8Array(4) };
  const sqe: NvmeSqe = { opcode: 1, flags: 0, cid: 1, nsid: 1, prp: [1n, 2n], inner };
  nvmeSqe.check(sqe);
  // @ts-expect-error a field is missing
  const missing: NvmeSqe = { opcode: 1, flags: 0, cid: 1, nsid: 1, prp: [1n, 2n] };
  // @ts-expect-error 64 bits are a bigint
  const narrow: NvmeSqe = { ...sqe, prp: [1, 2] };
  // @ts-expect-error one element is missing
  const short: NvmeSqe = { ...sqe, prp: [1n] };
  // @ts-expect-error padding has no value
  const reserved: NvmeSqe = { ...sqe, rsvd: 0 };
  // @ts-expect-error there is no such field
  nvmeSqe.offsetOf('rsvd');
  // @ts-expect-error there is no such field
  const path: Path<typeof nvmeSqe> = ['prp', 'a'];
  void [missing, narrow, short, reserved, path];
};

export const devices = (any: StructDevice): void => {
  const bound: Device<Bound> = asBound(any);
  const core: Device<Core> = asCore(any);
  const weaker: Device<Bound> = core;
  const plain: StructDevice = bound;
  dmaSetMask(core, DmaMask.new(48));
  // @ts-expect-error masks are for probe
  dmaSetMask(bound, DmaMask.new(48));
  // @ts-expect-error a mask is a DmaMask
  dmaSetMask(core, 0xffff_ffffn);
  // @ts-expect-error nothing says that a driver is bound
  Coherent.zeroed(any, u64, GFP_KERNEL);
  // @ts-expect-error a bound device is not in a bus callback
  const stronger: Device<Core> = bound;
  void [weaker, plain, stronger];
};

export const masks = (n: number): void => {
  DmaMask.new(0);
  DmaMask.new(64);
  DmaMask.tryNew(n);
  DmaMask.tryNew(100);
  // @ts-expect-error there are 64 bits
  DmaMask.new(65);
  // @ts-expect-error there are 64 bits
  DmaMask.new(100);
  // @ts-expect-error less than none
  DmaMask.new(-1);
  // @ts-expect-error not known when this is compiled
  DmaMask.new(n);
};

export const boxes = (dev: Device<Bound>): void => {
  const box: CoherentBox<typeof nvmeSqe> = CoherentBox.zeroed(dev, nvmeSqe, GFP_KERNEL);
  box.write(['inner', 'a'], 1);
  const prp: bigint = box.read(['prp', 1]);
  // @ts-expect-error the DMA address of a box is not to be had
  box.dmaHandle();
  // @ts-expect-error nor is its pointer
  box.asPtr();
  // @ts-expect-error the device cannot write to a box: there is no dmaRead of one
  dmaRead(box, []);
  // @ts-expect-error a box of one value is no slice
  box.fill({ a: 1 });
  // @ts-expect-error nor has it a length
  box.len();
  const slice: CoherentBox<Slice<typeof le32>> = CoherentBox.zeroedSlice(dev, le32, 4, GFP_KERNEL);
  slice.fill(1);
  slice.initAt(2, 5);
  slice.initAt(2, (place) => place.set(5));
  // @ts-expect-error elements are numbers
  slice.fill(1n);
  // @ts-expect-error elements are numbers
  CoherentBox.fromSlice(dev, le32, [1n], GFP_KERNEL);
  const coherent: Coherent<Slice<typeof le32>> = slice.intoCoherent();
  const address: DmaAddr = coherent.dmaHandle();
  // @ts-expect-error there is no way back
  const back: CoherentBox<Slice<typeof le32>> = coherent;
  // @ts-expect-error a box is not made from outside
  new CoherentBox({});
  // @ts-expect-error padding is no value
  CoherentBox.zeroed(dev, padding(4), GFP_KERNEL).get().length;
  void [prp, address, back];
};

export const projections = (dev: Device<Bound>, i: number): void => {
  using ring = Coherent.zeroedSlice(dev, nvmeSqe, 4, GFP_KERNEL);
  const whole: NvmeSqe = dmaRead(ring, [2]);
  const cid: number = dmaRead(ring, [i, 'cid']);
  const on: boolean = dmaRead(ring, [panicIndex(i), 'inner', 'on']);
  dmaWrite(ring, [i, 'prp', buildIndex(1)], 5n);
  dmaWrite(ring, [1], whole);
  // @ts-expect-error there is no such field
  dmaRead(ring, [2, 'cjd']);
  // @ts-expect-error a slice has elements, not fields
  dmaRead(ring, ['cid']);
  // @ts-expect-error padding cannot be read
  dmaRead(ring, [2, 'rsvd']);
  // @ts-expect-error a scalar has no parts
  dmaRead(ring, [2, 'cid', 0]);
  // @ts-expect-error the field is a number
  dmaWrite(ring, [2, 'cid'], 5n);
  // @ts-expect-error the field is a bigint
  dmaWrite(ring, [2, 'prp', 0], 5);
  // @ts-expect-error a boolean is no number
  const wrong: number = dmaRead(ring, [2, 'inner', 'on']);
  // @ts-expect-error there are two
  dmaRead(ring, [2, 'prp', buildIndex(2)]);
  // @ts-expect-error the length of a slice is not known when this is compiled
  dmaRead(ring, [buildIndex(2), 'cid']);
  // @ts-expect-error the index is not known when this is compiled
  dmaRead(ring, [2, 'prp', buildIndex(i)]);
  void [cid, on, wrong];
};

export const handles = (dev: Device<Bound>): void => {
  using handle = CoherentHandle.alloc(dev, 4096, GFP_KERNEL);
  const address: DmaAddr = handle.dmaHandle();
  // @ts-expect-error it has no mapping to read it by
  dmaRead(handle, []);
  // @ts-expect-error nor has it a pointer
  handle.asPtr();
  // @ts-expect-error the attribute is what makes it a CoherentHandle
  const attribute = attrs.DMA_ATTR_NO_KERNEL_MAPPING;
  // @ts-expect-error attributes are combined by their methods
  const both = attrs.DMA_ATTR_NO_WARN | attrs.DMA_ATTR_MMIO;
  // @ts-expect-error attributes are no number
  CoherentHandle.allocWithAttrs(dev, 4096, GFP_KERNEL, 256);
  void [address, attribute, both];
};

export const tables = (kernel: Kernel, dev: Device<Bound>): void => {
  const pages = VVec.withCapacity(kernel, u8, 8192, GFP_KERNEL);
  using owned: SGTable<Owned<VVec<typeof u8>>> = SGTable.new(dev, pages, DataDirection.ToDevice, GFP_KERNEL);
  const borrowed: SGTable = SGTable.fromRaw({} as never);
  const same: SGTable<Borrowed> = borrowed;
  for (const entry of owned.iter()) {
    const address: DmaAddr = entry.dmaAddress();
    const length: number = entry.dmaLen();
    // @ts-expect-error the device's addresses are not the CPU's
    dma_map_single(dev, address, length, DMA_TO_DEVICE);
    // @ts-expect-error entries are read only
    entry.dmaLen = 5;
  }
  // @ts-expect-error a direction is a DataDirection
  SGTable.new(dev, pages, 1, GFP_KERNEL);
  // @ts-expect-error an array owns no pages
  SGTable.new(dev, [1, 2], DataDirection.ToDevice, GFP_KERNEL);
  // @ts-expect-error nothing to drop: it is somebody else's
  using dropped = borrowed;
  // @ts-expect-error an owned table is not a borrowed one's place to be dropped
  const wrong: SGTable<Owned<VVec<typeof u8>>> = borrowed;
  void [same, dropped, wrong];
};

export const resources = (dev: Device<Bound>, any: StructDevice): void => {
  using devres = Devres.new(dev, { on: true, [Symbol.dispose]: () => {} });
  const direct: boolean = devres.access(dev).on;
  using guard = devres.tryAccess();
  // @ts-expect-error it may be gone
  const unchecked: boolean = guard.value.on;
  const checked: boolean | undefined = guard?.value.on;
  // @ts-expect-error a resource can be dropped
  Devres.new(dev, { on: true });
  // @ts-expect-error nothing says that a driver is bound
  devres.access(any);
  void [direct, unchecked, checked];
};

export const counts = (n: number): void => {
  array(u8, 3);
  array(u8, n);
  // @ts-expect-error an array of nothing
  array(u8, 0);
  // @ts-expect-error less than nothing
  bytes(-1);
  // @ts-expect-error half an element
  padding(1.5);
};
