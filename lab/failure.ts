/** A scenario found that something is not as it should be. The message is what the report prints. */
export class ScenarioFailure extends Error {
  override readonly name = 'ScenarioFailure';
}
