/** Key of whoever runs a validator or full node: appoints members and enrols meters. */
export const OPERATOR_KEY_NAME = "operator";
/** Key of a prosumer: owns meters and energy. */
export const PROSUMER_KEY_NAME = "prosumer";
/** Key of a prosumer's meter: signs its intervals. */
export const METER_KEY_NAME = "meter";
