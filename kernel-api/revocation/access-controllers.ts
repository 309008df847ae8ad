import { EPROBE_DEFER } from '../../base/errno';
import type { StructDevice } from '../base/struct-device';
import type { OfNode } from '../of/of-node';
import { of_device_is_available, of_device_is_compatible, of_parse_phandle_with_args } from '../of/property';
import type { RequesterGate } from './requester-gate';

/** The gates that have a driver, by their nodes. */
export type RequesterGates = Map<OfNode, RequesterGate>;

/** A gate that a device passes, and as whom. */
export interface GatePassage {
  readonly gate: RequesterGate;
  readonly requester: number;
}

/** What requester gates are compatible with; a device may have access controllers of other kinds as well. */
export const GATE_COMPATIBLE = 'dmalab,requester-gate';

/**
 * The gates on a device's way to the bus: its `access-controllers` property (bindings/access-controllers), whose one cell
 * is the requester id. `-EPROBE_DEFER` while one of them has no driver. A gate that is disabled is none.
 */
export const gatesOf = (dev: StructDevice, gates: RequesterGates): GatePassage[] | number => {
  const passages: GatePassage[] = [];
  if (dev.of_node === null) return passages;
  for (let index = 0; ; index++) {
    const entry = of_parse_phandle_with_args(dev.of_node, 'access-controllers', '#access-controller-cells', index);
    if (typeof entry === 'number') return passages;
    if (!of_device_is_compatible(entry.np, GATE_COMPATIBLE) || !of_device_is_available(entry.np)) continue;
    const gate = gates.get(entry.np);
    const requester = entry.args[0];
    if (gate === undefined) return -EPROBE_DEFER;
    if (requester !== undefined) passages.push({ gate, requester });
  }
};
