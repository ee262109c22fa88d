namespace Peft.Core.Training;

/// <summary>Which steps are reported, and the mean loss of the steps since the last that was.</summary>
/// <param name="arguments">How often.</param>
public sealed class LossWindow(TrainingArguments arguments)
{
    private double sum;
    private int count;

    /// <summary>Takes the loss of a step.</summary>
    /// <param name="step">Its number, from 1.</param>
    /// <param name="loss">Its loss.</param>
    /// <param name="isLast">Whether the run ends with it: that one is always reported.</param>
    /// <returns>The mean since the last report where this step is reported, else null.</returns>
    public double? Add(int step, double loss, bool isLast)
    {
        sum += loss;
        count++;
        if (step % arguments.LoggingSteps != 0 && !(step == 1 && arguments.LoggingFirstStep) && !isLast)
            return null;
        var mean = sum / count;
        (sum, count) = (0, 0);
        return mean;
    }
}
