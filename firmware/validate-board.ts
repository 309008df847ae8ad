import { LabError } from '../base/errors';
import { type BoardDescription, devicePlace, nodeName } from './board';
import { checkAddresses, checkReservedMemory, checkWindows } from './validate-addresses';

const LABEL = /^[A-Za-z_][A-Za-z0-9_]*$/;
const NAME = /^[A-Za-z][0-9A-Za-z,._+-]{0,30}$/;
/** A requester id of the RISC-V IOMMU (`device_id`) has up to 24 bits. */
const REQUESTER_ID_LIMIT = 2 ** 24;

/** Things that only one place may have, such as a label or a wire. */
class Claims {
  private readonly places = new Map<string | number, string>();
  private readonly kind: string;

  constructor(kind: string) {
    this.kind = kind;
  }

  claim(what: string | number, place: string): void {
    const other = this.places.get(what);
    if (other !== undefined)
      throw new LabError(`${other} and ${place} both have ${this.kind} ${what}.`, { what: place });
    this.places.set(what, place);
  }
}

const refuse = (sentence: string, place: string): never => {
  throw new LabError(sentence, { what: place });
};

const checkLabels = (board: BoardDescription): void => {
  const labels = new Claims('the label');
  const claim = (label: string, place: string): void => {
    if (!LABEL.test(label)) refuse(`"${label}" (${place}) is not a label: letters, digits and _ only.`, place);
    labels.claim(label, place);
  };
  claim('cpu0_intc', 'cpu');
  claim(board.interruptController.label, 'interruptController');
  if (board.iommu !== undefined) claim(board.iommu.label, 'iommu');
  if (board.requesterGate !== undefined) claim(board.requesterGate.label, 'requesterGate');
  if (board.memoryGuard !== undefined) claim(board.memoryGuard.label, 'memoryGuard');
  board.clocks?.forEach(({ label }, i) => claim(label, `clocks[${i}]`));
  board.reservedMemory?.forEach(({ label }, i) => claim(label, `reservedMemory[${i}]`));
  board.devices.forEach(({ label }, i) => claim(label, `devices[${i}]`));
};

const checkNames = (board: BoardDescription): void => {
  const names = new Claims('the node name');
  board.devices.forEach((device, i) => {
    const place = devicePlace(device, i);
    if (!NAME.test(device.name)) refuse(`"${device.name}" (${place}) is not a device tree node name.`, place);
    if (device.compatible.length === 0) refuse(`${place} has no compatible string, so no driver can match it.`, place);
    names.claim(nodeName(device.name, device.reg?.[0]), place);
  });
  board.reservedMemory?.forEach(({ name }, i) => {
    const place = `reservedMemory[${i}]`;
    if (!NAME.test(name)) refuse(`"${name}" (${place}) is not a device tree node name.`, place);
  });
};

const checkInterrupts = ({ interruptController, iommu, devices }: BoardDescription): void => {
  const { sources } = interruptController;
  const wires = new Claims('interrupt');
  const claim = (interrupt: number, place: string): void => {
    if (!Number.isInteger(interrupt) || interrupt < 1 || interrupt > sources) {
      refuse(`Interrupt ${interrupt} of ${place} is not one of interruptController's 1 to ${sources}.`, place);
    }
    wires.claim(interrupt, place);
  };
  iommu?.interrupts.forEach((interrupt) => claim(interrupt, 'iommu'));
  devices.forEach((device, i) => device.interrupts?.forEach((each) => claim(each, devicePlace(device, i))));
};

const checkIommuWires = ({ iommu }: BoardDescription): void => {
  if (iommu === undefined || (iommu.interrupts.length >= 1 && iommu.interrupts.length <= 4)) return;
  refuse(`iommu has ${iommu.interrupts.length} interrupts, and its binding knows one to four.`, 'iommu');
};

const checkRequesters = ({ iommu, requesterGate, devices }: BoardDescription): void => {
  const behindIommu = new Claims('requester id');
  const atGate = new Claims('requester gate id');
  devices.forEach((device, i) => {
    const place = devicePlace(device, i);
    if (device.iommus !== undefined && device.iommus.label !== iommu?.label) {
      refuse(`${place} is behind "${device.iommus.label}", and no IOMMU has that label.`, place);
    }
    if (device.iommus?.ids.length === 0) refuse(`${place} is behind an IOMMU without a requester id.`, place);
    for (const id of device.iommus?.ids ?? []) {
      if (!Number.isInteger(id) || id < 0 || id >= REQUESTER_ID_LIMIT) {
        refuse(`Requester id ${id} of ${place} is not an integer of 24 bits.`, place);
      }
      behindIommu.claim(id, place);
    }
    if (device.accessController === undefined) return;
    if (requesterGate === undefined) refuse(`${place} has an id at the requester gate, and the board has none.`, place);
    atGate.claim(device.accessController, place);
  });
};

const checkDmas = ({ devices }: BoardDescription): void => {
  const handshakes = new Claims('handshake');
  devices.forEach((device, i) => {
    const place = devicePlace(device, i);
    for (const { controller, request } of device.dmas ?? []) {
      const provider = devices.find(({ label }) => label === controller);
      if (provider === undefined) {
        refuse(`${place} uses a DMA channel of "${controller}", and no device has that label.`, place);
      } else if (!provider.properties?.some(({ name }) => name === '#dma-cells')) {
        const other = devicePlace(provider, devices.indexOf(provider));
        refuse(`${place} uses a DMA channel of ${other}, which has no #dma-cells and so is no DMA controller.`, place);
      }
      handshakes.claim(`${request} of ${controller}`, place);
    }
  });
};

const checkMemoryRegions = ({ reservedMemory = [], devices }: BoardDescription): void => {
  devices.forEach((device, i) => {
    for (const label of device.memoryRegions ?? []) {
      if (reservedMemory.some((region) => region.label === label)) continue;
      const place = devicePlace(device, i);
      refuse(`${place} has "${label}" for its memory, and no reserved memory has that label.`, place);
    }
  });
};

const checkClocks = ({ clocks = [], devices }: BoardDescription): void => {
  devices.forEach((device, i) => {
    const place = devicePlace(device, i);
    for (const label of device.clocks ?? []) {
      if (!clocks.some((clock) => clock.label === label)) {
        refuse(`${place} is driven by "${label}", and no clock has that label.`, place);
      }
    }
  });
};

const checkNameCounts = ({ devices }: BoardDescription): void => {
  const compare = (place: string, what: string, names: readonly string[] | undefined, count: number): void => {
    if (names === undefined || names.length === count) return;
    refuse(`${place} has ${count} ${what} and ${names.length} names for them.`, place);
  };
  devices.forEach((device, i) => {
    compare(devicePlace(device, i), 'register windows', device.regNames, device.reg?.length ?? 0);
    compare(devicePlace(device, i), 'clocks', device.clockNames, device.clocks?.length ?? 0);
  });
};

/**
 * Checks that a board makes sense: every address range in its place and its own, every label known, every wire, name and
 * id used once. The first mistake is a `LabError` that names the places involved.
 */
export const validateBoard = (board: BoardDescription): void => {
  checkLabels(board);
  checkNames(board);
  checkAddresses(board);
  checkReservedMemory(board);
  checkWindows(board);
  checkIommuWires(board);
  checkInterrupts(board);
  checkRequesters(board);
  checkDmas(board);
  checkMemoryRegions(board);
  checkClocks(board);
  checkNameCounts(board);
};
