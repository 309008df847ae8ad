import { BUS_OK } from '../../base/bus-outcome';
import type { DmaRequestLine } from '../../emulator/dma-request';
import type { Machine } from '../../lab/machine';
import type { ScenarioContext } from '../../lab/scenario-context';

/**
 * Ways to break a running machine on purpose, each in one feature. They reach behind the public interfaces, as only a
 * test may. A breakage returns what undoes it if it reaches beyond the machine.
 */
export type Breakage = (lab: ScenarioContext) => (() => void) | void;

/** The parts of a machine that are nobody's business. */
type Insides = Record<string, Record<string, unknown>>;

/** Puts a function of one object in the place of its method. The replacement gets the original. */
const replace = <A extends unknown[], R>(
  target: object,
  name: string,
  make: (original: (...args: A) => R) => (...args: A) => R,
): void => {
  const object = target as Record<string, (...args: A) => R>;
  const original = object[name];
  if (typeof original !== 'function') throw new Error(`there is no ${name} to break any more`);
  object[name] = make(original.bind(target));
};

const ignore = (target: object, ...names: string[]): void => {
  for (const name of names) replace(target, name, () => () => undefined);
};

type CopyArguments = [fromPage: number, fromOffset: number, toPage: number, toOffset: number, length: number];

const changeCopies = (machine: Machine, lengthOf: (length: number) => number): void => {
  replace<CopyArguments, number>(
    machine.hardware.port('dmac'),
    'copy',
    (copy) => (fromPage, fromOffset, toPage, toOffset, length) =>
      copy(fromPage, fromOffset, toPage, toOffset, lengthOf(length)),
  );
};

/** The controller leaves the last byte of every piece out. */
export const dropLastByte: Breakage = ({ machine }) => changeCopies(machine, (length) => length - 1);

/** The controller copies one byte too many. */
export const copyOneByteTooMany: Breakage = ({ machine }) => changeCopies(machine, (length) => length + 1);

/** The controller copies nothing after the first 1000 pieces, and says that it did. */
export const stopCopying =
  (pieces: number): Breakage =>
  ({ machine }) => {
    let done = 0;
    replace<CopyArguments, number>(
      machine.hardware.port('dmac'),
      'copy',
      (copy) =>
        (...piece) =>
          ++done > pieces ? BUS_OK : copy(...piece),
    );
  };

/** An engine writes a byte less than it should, of what it copies and of what comes from its streams. */
export const writeOneByteLess =
  (label: string): Breakage =>
  ({ machine }) => {
    const port = machine.hardware.port(label);
    replace<CopyArguments, number>(
      port,
      'copy',
      (copy) => (fromPage, fromOffset, toPage, toOffset, length) =>
        copy(fromPage, fromOffset, toPage, toOffset, length - 1),
    );
    replace<[number, number, Uint8Array, number, number], number>(
      port,
      'write',
      (write) => (page, offset, from, at, length) => write(page, offset, from, at, length - 1),
    );
  };

/** An engine reads data from one byte further on. */
export const readOneByteLate =
  (label: string): Breakage =>
  ({ machine }) => {
    const late = (offset: number, length: number): number => (offset + length < 4096 ? offset + 1 : offset);
    replace<[number, number, Uint8Array, number, number], number>(
      machine.hardware.port(label),
      'read',
      (read) => (page, offset, into, at, length) => read(page, late(offset, length), into, at, length),
    );
  };

/** An engine's completions are never told. */
export const cutEngineInterrupt =
  (label: string): Breakage =>
  ({ machine }) => {
    const engine = machine.hardware.device(label) as unknown as { lines: { set(level: boolean): void }[] };
    for (const line of engine.lines) ignore(line, 'set');
  };

const iommuOf = (machine: Machine): Insides => machine.hardware.iommu as unknown as Insides;

/** `IOTINVAL.VMA` is executed, and invalidates nothing. */
export const ignoreIotlbInvalidation: Breakage = ({ machine }) =>
  ignore(iommuOf(machine).iotlb!, 'invalidateAll', 'invalidateSpace', 'invalidatePage', 'invalidateRange');

/** `IODIR.INVAL_DDT` is executed, and invalidates nothing. */
export const ignoreContextInvalidation: Breakage = ({ machine }) =>
  ignore(iommuOf(machine).contexts!, 'invalidate', 'invalidateAll');

/** The IOMMU lets every address pass as it is. */
export const bypassIommu: Breakage = ({ machine }) =>
  replace<[number, number], number>(machine.hardware.iommu!, 'translate', () => (_requester, page) => page);

const domainOf = (lab: ScenarioContext): object => {
  const { dev } = lab.kernel.dmaengine.devices[0]!;
  return dev.iommu!.group!.default_domain!;
};

/** Every mapping leads to the page after the one that was asked for. */
export const mapTheNextPage: Breakage = (lab) =>
  replace<[number, number, ...unknown[]], number>(
    domainOf(lab),
    'mapPages',
    (map) =>
      (iova, page, ...rest) =>
        map(iova, page + 1, ...rest),
  );

/** Unmapping leaves the page table as it is. */
export const unmapNothing: Breakage = (lab) =>
  replace<[number, number, ...unknown[]], number>(domainOf(lab), 'unmapPages', () => (_iova, count) => count);

/** A wire into the interrupt controller is cut. */
export const cutInterrupt =
  (source: (machine: Machine) => number): Breakage =>
  ({ machine }) =>
    replace<[number, boolean], void>(machine.hardware.plic, 'drive', (drive) => (wire, level) => {
      if (wire !== source(machine)) drive(wire, level);
    });

/** The controller's wire: the first that a device has. */
export const cutControllerInterrupt: Breakage = cutInterrupt(() => 8);
/** The wire that tells of records in the fault queue. */
export const cutFaultInterrupt: Breakage = cutInterrupt(() => 2);

/** Peripherals seem to be ready at all times. */
export const ignoreHandshake: Breakage = ({ machine }) => {
  const { host } = machine.hardware.device('fifo') as unknown as { host: { dmaRequests: DmaRequestLine[] } };
  for (const line of host.dmaRequests) {
    replace<[boolean, boolean], void>(line, 'drive', (drive) => () => drive(true, true));
    line.drive(true, true);
  }
};

/** Peripherals never ask. */
export const cutHandshake: Breakage = ({ machine }) => {
  const { host } = machine.hardware.device('fifo') as unknown as { host: { dmaRequests: DmaRequestLine[] } };
  for (const line of host.dmaRequests) {
    line.drive(false, false);
    ignore(line, 'drive');
  }
};

/** The driver of the controller never stops a channel. */
export const terminateNothing: Breakage = ({ kernel }) => {
  const [device] = kernel.dmaengine.devices;
  replace<[], number>(device!, 'device_terminate_all', () => () => 0);
  for (const chan of device!.channels) replace<[], number>(chan, 'terminate', () => () => 0);
  for (const chan of device!.channels) ignore(chan, 'freeResources', 'quiesce', 'maskInterrupts');
  ignore((device!.channels[0] as unknown as { chip: object }).chip, 'disable');
};

/** Failed transfers are reported as good. */
export const reportSuccess: Breakage = ({ kernel }) => {
  for (const chan of kernel.dmaengine.devices[0]!.channels) {
    const results = chan as unknown as { firstIssued: () => { tx_result: object } | null };
    replace<[], { tx_result: object } | null>(results, 'firstIssued', (first) => () => {
      const desc = first();
      if (desc !== null) Object.defineProperty(desc.tx_result, 'result', { get: () => 0, set: () => undefined });
      return desc;
    });
  }
};

/** Finished items of a ring are never handed back to the controller. */
export const recycleNothing: Breakage = ({ kernel }) => {
  for (const chan of kernel.dmaengine.devices[0]!.channels) {
    const results = chan as unknown as { firstIssued: () => { items: object[] } | null };
    replace<[], { items: object[] } | null>(results, 'firstIssued', (first) => () => {
      const desc = first();
      for (const item of desc?.items ?? []) ignore(item, 'release');
      return desc;
    });
  }
};

/** Unbinding revokes nothing. */
export const removeRevocation: Breakage = ({ kernel }) => {
  for (const hook of kernel.drivers.revocation) {
    delete hook.afterRemove;
    delete hook.released;
  }
};

/** A kernel function is replaced in its module, for everybody, until it is undone. */
export const replaceExport = (module: object, name: string, value: unknown): (() => void) => {
  const exports = module as Record<string, unknown>;
  const original = exports[name];
  if (original === undefined) throw new Error(`there is no ${name} to break any more`);
  exports[name] = value;
  return () => {
    exports[name] = original;
  };
};
