/**
 * dmalab: everything that a scenario, a test or a tool may use.
 */
export * from './base/address';
export * from './base/bus-outcome';
export * from './base/errno';
export * from './base/errors';
export * from './base/logger';
export { Prng } from './base/prng';
export { Trace, TraceHasher, type TraceRecord, type TraceSubscriber } from './base/trace';
export type * from './base/trace-events';
export { hex, u64, type U64 } from './base/u64';
export * as layout from './base/layout';
export * as descriptors from './base/descriptor';

export { dmaRead, dmaWrite } from './emulator/bus/dma-access';
export type { DevicePort } from './emulator/bus/device-port';
export type { AccessWidth, MmioTarget } from './emulator/bus/mmio';
export { Clock, Timer } from './emulator/clock';
export type { Device, DeviceHost } from './emulator/device';
export { DmaRequestLine } from './emulator/dma-request';
export type { InterruptLine } from './emulator/interrupts/interrupt-line';
export { RegisterBlock } from './emulator/registers/register-block';
export { Register, type RegisterHooks } from './emulator/registers/register';
export { defineBlock } from './emulator/registers/define-block';
export type { BlockSpec, FieldSpec, RegisterSpec } from './emulator/registers/spec';

export { DwAxiDmac } from './devices/dw-axi-dmac';
export * as formats from './devices/formats';
export {
  PrototypeEngine,
  prototypePatternByte,
  type PrototypeOptions,
  type QueueStatistics,
  type StreamPort,
} from './devices/prototype';
export { StreamFifo, patternBytes as fifoPatternBytes } from './devices/stream-fifo';

export * from './kernel-api';
export * as ostd from './kernel-api/ostd';
export * as rust from './kernel-api/rust';

export { ScenarioFailure } from './lab/failure';
export type { DescriptorWatch, DescriptorWatches } from './lab/descriptor-watches';
export type { DumpMoment } from './lab/dump-moment';
export { GuardedBuffer } from './lab/guarded-buffer';
export { Machine, type MachineHost } from './lab/machine';
export type * from './lab/machine-options';
export type { Axis, AxisValue, Matrix, MatrixCase } from './lab/matrix/axes';
export { expectBytes, expectPattern, fillPattern, firstDifference, patternByte, patternBytes } from './lab/pattern';
export { RamPool } from './lab/ram-pool';
export { runScenario, type RunOptions } from './lab/run-scenario';
export { isScenario, scenario, type Scenario, type ScenarioSpec } from './lab/scenario';
export { REPORT_IDS, REPORT_KINDS, type ReportId, type ReportKind } from './lab/sanitizer/catalogue';
export type { ReportChoice, ReportExpectation } from './lab/sanitizer/expectation';
export type { Harm, JudgedReport, ReportPlace, SanitizerReport } from './lab/sanitizer/report';
export type { SiteProbe, SiteReader } from './lab/sanitizer/recorder';
export { Sanitizer, type SanitizerOptions } from './lab/sanitizer/sanitizer';
export { ScenarioContext } from './lab/scenario-context';
export type { FailureReport, ScenarioResult } from './lab/scenario-result';
