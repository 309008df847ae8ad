import type { BusAttachment, MachineOptions } from '../machine-options';

/** An object without some of its members. */
export const without = <T extends object, K extends keyof T>(from: T, ...names: readonly K[]): Omit<T, K> =>
  Object.fromEntries(Object.entries(from).filter(([name]) => !(names as readonly string[]).includes(name))) as Omit<
    T,
    K
  >;

/** What is to be changed about a bus master's place on the bus: `undefined` takes a member away. */
export type BusChange = { readonly [K in keyof BusAttachment]?: BusAttachment[K] | undefined };

const changed = <T extends BusAttachment>(bus: T, change: BusChange): T => {
  const all = Object.entries({ ...bus, ...change }).filter(([, value]) => value !== undefined);
  return Object.fromEntries(all) as unknown as T;
};

const isEmpty = (value: object): boolean => Object.keys(value).length === 0;

/** Changes the place on the bus of everything that may be a bus master: the DMA controller and nodes with hardware. */
export const changeBusMasters = (
  machine: MachineOptions,
  change: (bus: BusAttachment) => BusChange,
): MachineOptions => {
  const { dmac, nodes } = machine;
  const newDmac = dmac === false ? dmac : changed(dmac ?? {}, change(dmac ?? {}));
  const newNodes = nodes?.map((node) => {
    if (node.device === undefined) return node;
    const bus = changed(node.bus ?? {}, change(node.bus ?? {}));
    return node.bus === undefined && isEmpty(bus) ? node : { ...node, bus };
  });
  return {
    ...machine,
    ...(dmac === undefined && isEmpty(newDmac as object) ? {} : { dmac: newDmac }),
    ...(newNodes === undefined ? {} : { nodes: newNodes }),
  };
};
