import {
  IORESOURCE_MEM,
  PrototypeEngine,
  ioremap,
  iounmap,
  platform_get_resource,
  prototypeRegs as REG,
  readl,
  resource_size,
  scenario,
  to_platform_device,
  type MachineOptions,
} from 'dmalab';
import { netCard } from './1-format';

/** The default board, and on it the card: an engine that works by `netCard` and has two queues. */
export const BOARD: MachineOptions = {
  nodes: [
    {
      label: 'card',
      compatible: ['acme,net-card'],
      device: () => new PrototypeEngine('net-card', { format: netCard, queues: 2 }),
    },
  ],
};

export default scenario({
  name: 'tutorial-machine',
  description: 'the card is there, and says who it is',
  machine: BOARD,
  run(lab) {
    const { kernel } = lab;
    const device = lab.ok(kernel.drivers.devices.find(({ name }) => name.endsWith('.card')) ?? null, 'the device');
    const window = lab.ok(platform_get_resource(to_platform_device(device), IORESOURCE_MEM, 0), 'its registers');
    const regs = lab.ok(ioremap(kernel, window.start, resource_size(window)), 'ioremap');
    lab.equal(readl(regs.add(REG.PROTO_ID)), REG.PROTO_ID_VALUE, 'ID');
    const queues = readl(regs.add(REG.PROTO_CAPABILITY)) & REG.CAPABILITY_QUEUES_MASK;
    lab.note(`${device.name} has ${queues} queues`);
    iounmap(regs);
  },
});
