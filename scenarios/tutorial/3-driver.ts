import {
  DMA_BIT_MASK,
  DMA_FROM_DEVICE,
  DMA_TO_DEVICE,
  EBUSY,
  ENODEV,
  ENOMEM,
  GFP_ATOMIC,
  GFP_KERNEL,
  IRQ_HANDLED,
  IRQ_NONE,
  IS_ERR,
  SpinLock,
  descriptors,
  dev_err,
  devm_platform_ioremap_resource,
  dma_alloc_coherent,
  dma_free_coherent,
  dma_map_single,
  dma_mapping_error,
  dma_rmb,
  dma_set_mask_and_coherent,
  dma_unmap_single,
  dma_wmb,
  dmaAddr,
  free_irq,
  kfree,
  kmalloc,
  out,
  platform_driver_register,
  platform_driver_unregister,
  platform_get_drvdata,
  platform_get_irq,
  platform_set_drvdata,
  prototypeRegs as REG,
  readl,
  readl_poll_timeout,
  request_irq,
  scenario,
  spin_lock_irqsave,
  spin_unlock_irqrestore,
  to_platform_device,
  virtAddr,
  writel,
  writeq,
  type DmaDataDirection,
  type DmaAddr,
  type IoMem,
  type IrqReturn,
  type PlatformDevice,
  type PlatformDriver,
  type ScenarioContext,
  type StructDevice,
  type VirtAddr,
} from 'dmalab';
import { cardEntry } from './1-format';
import { BOARD } from './2-machine';

/** Entries of a ring, and bytes of a buffer to receive into. */
export const ENTRIES = 8;
export const BUFFER = 2048;
const RING_BYTES = ENTRIES * cardEntry.size;

/** A buffer that the card has: what a `struct sk_buff` and its mapping are elsewhere. */
export interface Packet {
  readonly data: VirtAddr;
  readonly length: number;
  readonly dma: DmaAddr;
}

/** `head` counts the entries that were given to the card, `tail` those that came back. */
export interface Ring {
  readonly regs: IoMem;
  readonly cpu: VirtAddr;
  readonly dma: DmaAddr;
  readonly direction: DmaDataDirection;
  readonly packets: Packet[];
  head: number;
  tail: number;
}

export interface Card {
  readonly dev: StructDevice;
  readonly regs: IoMem;
  readonly irq: number;
  readonly tx: Ring;
  readonly rx: Ring;
  readonly lock: SpinLock;
  readonly give: Give;
  /** Takes a packet that arrived, and looks at it before it returns. In interrupt context. */
  receive: (data: VirtAddr, length: number) => void;
  errors: number;
}

/** Writes the entry at a ring's head, and so gives a packet to the card. */
export type Give = (card: Card, ring: Ring, packet: Packet) => void;

export const entryAt = (ring: Ring, index: number): VirtAddr => virtAddr(ring.cpu + (index % ENTRIES) * cardEntry.size);

const publish = descriptors.publisher(cardEntry);

export const give: Give = ({ dev, tx }, ring, { dma, length }) => {
  const entry = cardEntry.cursor();
  entry.ADDR = dma;
  entry.LEN = length / 4;
  entry.FIRST = ring === tx;
  entry.LAST = ring === tx;
  entry.OWN = true;
  publish(dev.kernel.mm, entryAt(ring, ring.head), entry.lanes, () => dma_wmb(dev.kernel));
};

const post = (card: Card, ring: Ring, data: VirtAddr, length: number): number => {
  const dma = dma_map_single(card.dev, data, length, ring.direction);
  if (dma_mapping_error(card.dev, dma) !== 0) return -ENOMEM;
  ring.packets[ring.head % ENTRIES] = { data, length, dma };
  card.give(card, ring, { data, length, dma });
  ring.head++;
  return 0;
};

/** Takes back the packet at a ring's tail. */
const takeBack = (card: Card, ring: Ring): Packet => {
  const packet = ring.packets[ring.tail++ % ENTRIES]!;
  dma_unmap_single(card.dev, packet.dma, packet.length, ring.direction);
  return packet;
};

/** Takes back what the card is done with. */
const reap = (card: Card, ring: Ring, done: (data: VirtAddr, length: number) => void): void => {
  const { kernel } = card.dev;
  while (ring.tail < ring.head) {
    const at = entryAt(ring, ring.tail);
    if (cardEntry.read(kernel.mm, at).OWN) break;
    dma_rmb(kernel);
    const { ERROR, WRITTEN } = cardEntry.read(kernel.mm, at);
    const { data } = takeBack(card, ring);
    if (ERROR) card.errors++;
    else done(data, 4 * WRITTEN);
    kfree(kernel, data);
  }
};

/** Gives the card buffers to receive into, as many as there is room for. */
const refill = (card: Card): void => {
  const { dev, rx } = card;
  while (rx.head - rx.tail < ENTRIES) {
    const data = kmalloc(dev.kernel, BUFFER, GFP_ATOMIC);
    if (data === 0) break;
    if (post(card, rx, data, BUFFER) !== 0) {
      kfree(dev.kernel, data);
      break;
    }
  }
  writel(1, rx.regs.add(REG.Q_DOORBELL));
};

/** Sends a packet from `kmalloc`, and frees it when it has been sent. 0; `-EBUSY` or `-ENOMEM` if it stays the caller's. */
export const xmit = (card: Card, data: VirtAddr, length: number): number => {
  const { tx, lock } = card;
  const flags = spin_lock_irqsave(lock);
  const error = tx.head - tx.tail === ENTRIES ? -EBUSY : post(card, tx, data, length);
  if (error === 0) writel(1, tx.regs.add(REG.Q_DOORBELL));
  spin_unlock_irqrestore(lock, flags);
  return error;
};

const interrupt = (_irq: number, data: unknown): IrqReturn => {
  const card = data as Card;
  const { tx, rx, lock } = card;
  const [sent, arrived] = [readl(tx.regs.add(REG.Q_INT_STATUS)), readl(rx.regs.add(REG.Q_INT_STATUS))];
  if ((sent | arrived) === 0) return IRQ_NONE;
  writel(sent, tx.regs.add(REG.Q_INT_STATUS));
  writel(arrived, rx.regs.add(REG.Q_INT_STATUS));
  const flags = spin_lock_irqsave(lock);
  reap(card, tx, () => undefined);
  spin_unlock_irqrestore(lock, flags);
  reap(card, rx, (packet, length) => card.receive(packet, length));
  refill(card);
  return IRQ_HANDLED;
};

const startQueue = ({ regs, dma, direction }: Ring, stream: number): void => {
  writel(direction === DMA_FROM_DEVICE ? REG.Q_CONFIG_TO_MEMORY : 0, regs.add(REG.Q_CONFIG));
  writel(ENTRIES, regs.add(REG.Q_SIZE));
  writeq(dma, regs.add(REG.Q_BASE));
  writel(REG.Q_INT_COMPLETE | REG.Q_INT_ERROR, regs.add(REG.Q_INT_ENABLE));
  writel(stream, regs.add(REG.Q_STREAM));
  writel(REG.Q_CONTROL_ENABLE, regs.add(REG.Q_CONTROL));
};

const probe = (pdev: PlatformDevice, giveWith: Give): number => {
  const { dev, kernel } = pdev;
  const regs = devm_platform_ioremap_resource(pdev, 0);
  if (IS_ERR(regs)) return regs;
  if (readl(regs.add(REG.PROTO_ID)) !== REG.PROTO_ID_VALUE) return -ENODEV;
  const irq = platform_get_irq(pdev, 0);
  if (irq < 0) return irq;
  const noMask = dma_set_mask_and_coherent(dev, DMA_BIT_MASK(64));
  if (noMask !== 0) return noMask;

  const handle = out(0n as DmaAddr);
  const cpu = dma_alloc_coherent(dev, 2 * RING_BYTES, handle, GFP_KERNEL);
  if (cpu === 0) return -ENOMEM;
  const ring = (queue: number, direction: DmaDataDirection): Ring => ({
    regs: regs.add(REG.QUEUE_REGS + queue * REG.QUEUE_REGS_STRIDE),
    cpu: virtAddr(cpu + queue * RING_BYTES),
    dma: dmaAddr(handle.value + BigInt(queue * RING_BYTES)),
    direction,
    packets: [],
    head: 0,
    tail: 0,
  });
  const [tx, rx] = [ring(0, DMA_TO_DEVICE), ring(1, DMA_FROM_DEVICE)];
  const lock = new SpinLock(kernel, 'net-card');
  const card: Card = { dev, regs, irq, tx, rx, lock, give: giveWith, receive: () => undefined, errors: 0 };

  const noIrq = request_irq(kernel, irq, interrupt, 0, 'net-card', card);
  if (noIrq !== 0) {
    dma_free_coherent(dev, 2 * RING_BYTES, cpu, handle.value);
    return noIrq;
  }
  platform_set_drvdata(pdev, card);
  writel(REG.CONTROL_MASTER | REG.CONTROL_INT_EN, regs.add(REG.PROTO_CONTROL));
  startQueue(rx, REG.Q_STREAM_PACKETS);
  startQueue(tx, REG.Q_STREAM_LOOP | (1 << REG.Q_STREAM_PEER_SHIFT)); // what goes out arrives at queue 1
  refill(card);
  return 0;
};

const remove = async (pdev: PlatformDevice): Promise<void> => {
  const card = platform_get_drvdata<Card>(pdev);
  const { dev, regs, irq, tx, rx } = card;
  const { kernel } = dev;
  const control = regs.add(REG.PROTO_CONTROL);
  writel(REG.CONTROL_RESET, control);
  if ((await readl_poll_timeout(control, (value) => (value & REG.CONTROL_RESET) === 0, 10, 1000)) !== 0) {
    dev_err(dev, 'the card does not stop, and keeps its memory');
    return;
  }
  await free_irq(kernel, irq, card);
  for (const ring of [tx, rx]) {
    while (ring.tail < ring.head) kfree(kernel, takeBack(card, ring).data);
  }
  dma_free_coherent(dev, 2 * RING_BYTES, tx.cpu, tx.dma);
};

/** The card's driver. @param giveWith how it writes entries; step 6 gets that wrong */
export const cardDriver = (giveWith: Give = give): PlatformDriver => ({
  driver: { name: 'net-card', of_match_table: [{ compatible: 'acme,net-card' }] },
  probe: (pdev) => probe(pdev, giveWith),
  remove,
});

/** Loads the driver. @returns the card that it is bound to */
export const loadDriver = async (lab: ScenarioContext, driver: PlatformDriver): Promise<Card> => {
  const { kernel } = lab;
  lab.ok(await platform_driver_register(kernel, driver), 'platform_driver_register');
  const device = kernel.drivers.devices.find((dev) => dev.driver === driver.driver);
  return platform_get_drvdata<Card>(to_platform_device(lab.ok(device ?? null, 'the device that it is bound to')));
};

export default scenario({
  name: 'tutorial-driver',
  description: 'the driver comes and goes, and leaves nothing behind',
  machine: BOARD,
  async run(lab) {
    const { kernel } = lab;
    const driver = cardDriver();
    const before = kernel.mm.statistics().kmallocObjects;
    const { rx } = await loadDriver(lab, driver);
    lab.note(`the card has ${rx.head} buffers to receive into`);
    await platform_driver_unregister(kernel, driver);
    lab.equal(kernel.mm.statistics().kmallocObjects, before, 'objects of kmalloc');
  },
});
