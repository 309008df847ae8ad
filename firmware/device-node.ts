import { cells, cells64, type NodeSource, property, type PropertySource, reference, strings } from '../base/fdt';
import { type BoardDescription, type DeviceDescription, isBusMaster, nodeName } from './board';

const list = <T>(items: readonly T[] | undefined, make: (items: readonly T[]) => PropertySource): PropertySource[] =>
  items === undefined || items.length === 0 ? [] : [make(items)];

const names = (name: string, texts: readonly string[] | undefined): PropertySource[] =>
  list(texts, (each) => property(name, strings(...each)));

const registers = (device: DeviceDescription): PropertySource[] => [
  ...list(device.reg, (reg) => property('reg', ...reg.map(({ base, size }) => cells64(base, size)))),
  ...names('reg-names', device.regNames),
  ...list(device.interrupts, (interrupts) => property('interrupts', cells(...interrupts))),
  ...list(device.clocks, (clocks) => property('clocks', ...clocks.map(reference))),
  ...names('clock-names', device.clockNames),
];

const gateProperty = (
  { accessController }: DeviceDescription,
  { requesterGate }: BoardDescription,
): PropertySource[] =>
  accessController === undefined || requesterGate === undefined
    ? []
    : [property('access-controllers', reference(requesterGate.label), cells(accessController))];

/** Linux takes a RISC-V device for coherent unless told otherwise; said explicitly, the tree means the same everywhere. */
const coherence = ({ dmaCoherent = true }: DeviceDescription): PropertySource =>
  property(dmaCoherent ? 'dma-coherent' : 'dma-noncoherent');

const mastering = (device: DeviceDescription, board: BoardDescription): PropertySource[] => [
  ...list(device.iommus?.ids, (ids) =>
    property('iommus', ...ids.flatMap((id) => [reference(device.iommus!.label), cells(id)])),
  ),
  ...gateProperty(device, board),
  ...(isBusMaster(device) ? [coherence(device)] : []),
];

const channels = ({ dmas }: DeviceDescription): PropertySource[] => [
  ...list(dmas, (uses) =>
    property('dmas', ...uses.flatMap(({ controller, request }) => [reference(controller), cells(request)])),
  ),
  ...names(
    'dma-names',
    dmas?.map(({ name }) => name),
  ),
];

const trust = ({ untrusted, pciLike, iommuGroup }: DeviceDescription): PropertySource[] => [
  ...(untrusted === true ? [property('dmalab,untrusted')] : []),
  ...(pciLike === true ? [property('dmalab,pci-like')] : []),
  ...(iommuGroup === undefined ? [] : [property('dmalab,iommu-group', cells(iommuGroup))]),
];

/** The node of a device of the description. */
export const deviceNode = (device: DeviceDescription, board: BoardDescription): NodeSource => ({
  name: nodeName(device.name, device.reg?.[0]),
  label: device.label,
  properties: [
    property('compatible', strings(...device.compatible)),
    ...registers(device),
    ...mastering(device, board),
    ...channels(device),
    ...list(device.memoryRegions, (labels) => property('memory-region', ...labels.map(reference))),
    ...trust(device),
    ...(device.properties ?? []),
  ],
});
