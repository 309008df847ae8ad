import {
  devm_platform_ioremap_resource,
  platform_get_drvdata,
  platform_set_drvdata,
  type PlatformDevice,
  type PlatformDriver,
} from '../base/platform';
import { dev_err } from '../base/dev-printk';
import { GATE_COMPATIBLE, type RequesterGates } from './access-controllers';
import { RequesterGate } from './requester-gate';

const probe = (pdev: PlatformDevice, gates: RequesterGates): number => {
  const { dev } = pdev;
  const io = devm_platform_ioremap_resource(pdev, 0);
  if (typeof io === 'number') return io;
  const gate = RequesterGate.create(io);
  if (typeof gate === 'number') {
    dev_err(dev, 'no requester gate of version 1 here');
    return gate;
  }
  platform_set_drvdata(pdev, gate);
  if (dev.of_node !== null) gates.set(dev.of_node, gate);
  return 0;
};

const remove = (pdev: PlatformDevice, gates: RequesterGates): void => {
  const gate = platform_get_drvdata<RequesterGate>(pdev);
  for (const [node, candidate] of gates) if (candidate === gate) gates.delete(node);
};

/** The driver of `dmalab,requester-gate` nodes. It puts the gates that it drives into `gates`. */
export const requesterGateDriver = (gates: RequesterGates): PlatformDriver => ({
  driver: {
    name: 'dmalab,requester-gate',
    of_match_table: [{ compatible: GATE_COMPATIBLE }],
    suppress_bind_attrs: true,
  },
  probe: (pdev) => probe(pdev, gates),
  remove: (pdev) => remove(pdev, gates),
});
